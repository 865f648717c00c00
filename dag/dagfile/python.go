package dagfile

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// pythonText is what Python's str() makes of a scalar.
func pythonText(n *node) string {
	switch n.kind {
	case kindNull:
		return "None"
	case kindBool:
		if n.val == true {
			return "True"
		}
		return "False"
	case kindInt:
		return strconv.FormatInt(n.val.(int64), 10)
	case kindFloat:
		return pythonFloat(n.val.(float64))
	case kindTime:
		return n.val.(moment).python()
	default:
		return n.text
	}
}

func pythonFloat(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "inf"
	case math.IsInf(f, -1):
		return "-inf"
	case math.IsNaN(f):
		return "nan"
	}
	if a := math.Abs(f); a != 0 && (a < 1e-4 || a >= 1e16) {
		s := strconv.FormatFloat(f, 'e', -1, 64)
		return s
	}
	s := strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// python is str() of the date or datetime.
func (m moment) python() string {
	if m.date {
		return m.t.Format(time.DateOnly)
	}
	layout := "2006-01-02 15:04:05"
	if m.t.Nanosecond() != 0 {
		layout += ".000000"
	}
	if !m.naive {
		layout += "-07:00"
	}
	return m.t.Format(layout)
}

// pythonJSON is what Python's json.dumps makes of a value; ok is false if it refuses.
func pythonJSON(n *node) (string, bool) {
	var b strings.Builder
	ok := writePythonJSON(&b, n)
	return b.String(), ok
}

func writePythonJSON(b *strings.Builder, n *node) bool {
	switch n.kind {
	case kindNull:
		b.WriteString("null")
	case kindBool:
		b.WriteString(strings.ToLower(pythonText(n)))
	case kindInt, kindFloat:
		b.WriteString(pythonText(n))
	case kindText:
		writeASCIIJSON(b, n.text)
	case kindList:
		b.WriteByte('[')
		for i, v := range n.list {
			if i > 0 {
				b.WriteString(", ")
			}
			if !writePythonJSON(b, v) {
				return false
			}
		}
		b.WriteByte(']')
	case kindDict:
		b.WriteByte('{')
		for i, e := range n.dict.entries {
			if i > 0 {
				b.WriteString(", ")
			}
			writeASCIIJSON(b, e.name())
			b.WriteString(": ")
			if !writePythonJSON(b, e.val) {
				return false
			}
		}
		b.WriteByte('}')
	default:
		return false
	}
	return true
}

// writeASCIIJSON escapes everything beyond ASCII, as json.dumps does.
func writeASCIIJSON(b *strings.Builder, s string) {
	var buf strings.Builder
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	for _, r := range strings.TrimSuffix(buf.String(), "\n") {
		if r < 0x7f {
			b.WriteRune(r)
			continue
		}
		for _, u := range utf16Units(r) {
			b.WriteString(`\u` + strings.Repeat("0", 4-len(strconv.FormatUint(uint64(u), 16))) + strconv.FormatUint(uint64(u), 16))
		}
	}
}

func utf16Units(r rune) []uint16 {
	if r < 0x10000 {
		return []uint16{uint16(r)}
	}
	r -= 0x10000
	return []uint16{uint16(0xd800 + r>>10), uint16(0xdc00 + r&0x3ff)}
}
