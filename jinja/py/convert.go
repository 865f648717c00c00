package py

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"sort"
	"strconv"
	"strings"
)

// FromGo turns what JSON and YAML decoders and plain Go code make into a value. Keys of Go maps come
// sorted, because Go does not keep their order; use [*Dict] where the order matters. What is not known
// is an error that names its type.
func FromGo(v any) (Value, error) {
	switch x := v.(type) {
	case nil, bool, int, float64, string, Object, *big.Int:
		return v, nil
	case []any:
		items := make([]Value, len(x))
		for i, e := range x {
			c, err := FromGo(e)
			if err != nil {
				return nil, err
			}
			items[i] = c
		}
		return &List{Items: items}, nil
	case map[string]any:
		keys := make([]string, 0, len(x))
		for k := range x {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		d := NewDict()
		for _, k := range keys {
			c, err := FromGo(x[k])
			if err != nil {
				return nil, err
			}
			d.SetStr(k, c)
		}
		return d, nil
	case json.Number:
		return fromJSONNumber(x)
	case []byte:
		return Bytes(x), nil
	}
	return fromReflect(v)
}

func fromJSONNumber(n json.Number) (Value, error) {
	if b, ok := new(big.Int).SetString(n.String(), 10); ok {
		return Norm(b), nil
	}
	f, err := n.Float64()
	if err != nil && !math.IsInf(f, 0) {
		return nil, fmt.Errorf("convert number %q: %w", n, err)
	}
	return f, nil
}

func fromReflect(v any) (Value, error) {
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return int(r.Int()), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return Norm(new(big.Int).SetUint64(r.Uint())), nil
	case reflect.Float32, reflect.Float64:
		return r.Float(), nil
	case reflect.String:
		return r.String(), nil
	case reflect.Bool:
		return r.Bool(), nil
	case reflect.Slice, reflect.Array:
		items := make([]any, r.Len())
		for i := range items {
			items[i] = r.Index(i).Interface()
		}
		return FromGo(items)
	case reflect.Map:
		if r.Type().Key().Kind() == reflect.String {
			m := make(map[string]any, r.Len())
			for it := r.MapRange(); it.Next(); {
				m[it.Key().String()] = it.Value().Interface()
			}
			return FromGo(m)
		}
	case reflect.Pointer:
		if r.IsNil() {
			return nil, nil
		}
		return FromGo(r.Elem().Interface())
	}
	return nil, fmt.Errorf("a Go value of type %T cannot be used in a template", v)
}

// Int is Python's int(v, base); base 10 also takes numbers.
func Int(th *Thread, v Value, base int) (Value, error) {
	s, ok := IsString(v)
	if !ok {
		if base != 10 {
			return nil, TypeError("int() can't convert non-string with explicit base")
		}
		if o, ok := v.(HasNumber); ok {
			var err error
			if v, err = o.Number(th); err != nil {
				return nil, err
			}
		}
		return intOfNumber(v)
	}
	bad := func() error {
		r, err := Repr(th, s)
		if err != nil {
			return err
		}
		return ValueError("invalid literal for int() with base %d: %s", base, r)
	}
	text := TrimSpace(s)
	digits := strings.TrimLeft(text, "+-")
	if len(text)-len(digits) > 1 || digits == "" || strings.Contains(digits, "__") || strings.HasPrefix(digits, "_") || strings.HasSuffix(digits, "_") {
		return nil, bad()
	}
	if len(digits) > maxIntDigits {
		return nil, ValueError("Exceeds the limit (%d digits) for integer string conversion: value has %d digits; use sys.set_int_max_str_digits() to increase the limit", maxIntDigits, len(digits))
	}
	low := strings.ToLower(digits)
	for prefix, b := range map[string]int{"0x": 16, "0o": 8, "0b": 2} {
		if strings.HasPrefix(low, prefix) && (base == b || base == 0) {
			digits, base = strings.TrimPrefix(digits[2:], "_"), b
			break
		}
	}
	if base == 0 {
		if len(digits) > 1 && digits[0] == '0' && strings.Trim(digits, "0_") != "" {
			return nil, bad()
		}
		base = 10
	}
	if base < 2 || base > 36 {
		return nil, ValueError("int() base must be >= 2 and <= 36, or 0")
	}
	digits = strings.ReplaceAll(digits, "_", "")
	b, ok := new(big.Int).SetString(digits, base)
	if !ok || digits[0] == '-' || digits[0] == '+' {
		return nil, bad()
	}
	if strings.HasPrefix(text, "-") {
		b.Neg(b)
	}
	return Norm(b), nil
}

func intOfNumber(v Value) (Value, error) {
	if b, ok := asBig(v); ok {
		return Norm(b), nil
	}
	f, ok := v.(float64)
	switch {
	case !ok:
		return nil, TypeError("int() argument must be a string, a bytes-like object or a real number, not '%s'", TypeOf(v).longName())
	case math.IsNaN(f):
		return nil, ValueError("cannot convert float NaN to integer")
	case math.IsInf(f, 0):
		return nil, Errorf("OverflowError", "cannot convert float infinity to integer")
	}
	b, _ := big.NewFloat(f).Int(nil)
	return Norm(b), nil
}

// Float is Python's float(v).
func Float(th *Thread, v Value) (Value, error) {
	if o, ok := v.(HasNumber); ok {
		var err error
		if v, err = o.Number(th); err != nil {
			return nil, err
		}
	}
	if f, ok := AsFloat(v); ok {
		if b, isBig := v.(*big.Int); isBig && math.IsInf(f, 0) {
			return nil, Errorf("OverflowError", "int too large to convert to float: %d bits", b.BitLen())
		}
		return f, nil
	}
	s, ok := IsString(v)
	if !ok {
		return nil, TypeError("float() argument must be a string or a real number, not '%s'", TypeOf(v).longName())
	}
	text := TrimSpace(s)
	if f, ok := parseFloat(text); ok {
		return f, nil
	}
	r, err := Repr(th, s)
	if err != nil {
		return nil, err
	}
	return nil, ValueError("could not convert string to float: %s", r)
}

func parseFloat(s string) (float64, bool) {
	low := strings.ToLower(strings.TrimLeft(s, "+-"))
	switch low {
	case "inf", "infinity", "nan":
	default:
		if low == "" || strings.Trim(low, "0123456789.e+-_") != "" || strings.Contains(low, "__") {
			return 0, false
		}
		for i := range len(low) { // an underscore stands between digits only
			if low[i] == '_' && (i == 0 || i == len(low)-1 || !isDigitByte(low[i-1]) || !isDigitByte(low[i+1])) {
				return 0, false
			}
		}
		s = strings.ReplaceAll(s, "_", "")
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil || math.IsInf(f, 0)
}

func isDigitByte(c byte) bool { return c >= '0' && c <= '9' }
