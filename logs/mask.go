package logs

import (
	"bytes"
	"slices"
	"strings"
)

// Mask is what a secret becomes.
const Mask = "***"

// minSecret is the length from which Airflow masks.
const minSecret = 5

// Maskable says that a secret is long enough to be masked: masking "a" would ruin the
// log and tell where the secret is.
func Maskable(secret string) bool { return len(secret) >= minSecret }

// Masker masks secrets in a text that comes in pieces. The zero value masks nothing
// until Add. It must not be used concurrently.
//
// Secrets that overlap in the text become one Mask together, so that nothing of either
// is left.
type Masker struct {
	// secrets are sorted by length, longest first.
	secrets []string
	// shift says, for the last two bytes of a window as long as the shortest secret, how
	// far the window may be moved without missing the beginning of any secret
	// (Wu and Manber, 1994).
	shift  *[1 << hashBits]uint8
	window int
	// begins are the first bytes of secrets; multiline says that one contains a newline.
	begins    [256]bool
	multiline bool

	held   []byte // the end of what came, which may be the beginning of a secret
	joined []byte // held and what came next
	out    []byte
}

const (
	hashBits = 12
	// maxShift is what fits into an entry of Masker.shift.
	maxShift = 255
	// maxHeld bounds what is kept back of secrets that overlap without end ("aaaaa" in a
	// text of nothing but that).
	maxHeld = 64 << 10
)

func hash(a, b byte) uint16 { return (uint16(a)<<4 ^ uint16(b)) & (1<<hashBits - 1) }

// Add makes the masker mask these texts from now on. Those that are not Maskable are
// ignored.
func (m *Masker) Add(secrets ...string) {
	before := len(m.secrets)
	for _, s := range secrets {
		if Maskable(s) && !slices.Contains(m.secrets, s) {
			m.secrets = append(m.secrets, strings.Clone(s))
			m.begins[s[0]] = true
			m.multiline = m.multiline || strings.Contains(s, "\n")
		}
	}
	if len(m.secrets) == before {
		return
	}
	slices.SortFunc(m.secrets, func(a, b string) int { return len(b) - len(a) })
	m.window = min(len(m.secrets[len(m.secrets)-1]), maxShift+1)
	m.shift = new([1 << hashBits]uint8)
	for i := range m.shift {
		m.shift[i] = uint8(m.window - 1)
	}
	for _, s := range m.secrets {
		for i := 1; i < m.window; i++ {
			h := hash(s[i-1], s[i])
			m.shift[h] = min(m.shift[h], uint8(m.window-1-i))
		}
	}
}

// Next takes the next piece and returns what of the text is safe to be seen. It keeps
// back an end that may be the beginning of a secret. The result may be p itself, and
// is valid until the next call.
func (m *Masker) Next(p []byte) []byte {
	if len(m.secrets) == 0 {
		return p
	}
	if len(m.held) > 0 {
		m.joined = append(append(m.joined[:0], m.held...), p...)
		p = m.joined
	}
	out, rest := m.mask(p, true)
	m.held = append(m.held[:0], rest...)
	return out
}

// Rest returns what was kept back: the text has ended.
func (m *Masker) Rest() []byte {
	rest, _ := m.mask(m.held, false)
	m.held = nil
	return rest
}

// String masks a whole text, beside what goes through Next.
func (m *Masker) String(s string) string {
	if len(m.secrets) == 0 {
		return s
	}
	out, _ := m.mask([]byte(s), false)
	return string(out)
}

// mask masks secrets in p. If more may follow, it returns as rest the end of p that
// cannot be judged yet.
func (m *Masker) mask(p []byte, more bool) (out, rest []byte) {
	if len(m.secrets) == 0 {
		return p, nil
	}
	end := len(p) // where rest begins
	if more {
		end = m.undecided(p)
	}
	done := 0 // what of p is in m.out, or masked
	out = m.out[:0]
	for i := m.find(p, 0); i >= 0; {
		if i >= end {
			break
		}
		from, to := i, i+m.match(p, i)
		for i = m.find(p, i+1); i >= 0 && i < to; i = m.find(p, i+1) {
			to = max(to, i+m.match(p, i))
		}
		if more && to > end {
			// What is masked runs into what is undecided: an overlapping secret may
			// follow, so all of it waits.
			if end = from; to-from <= maxHeld {
				break
			}
			end = to
		}
		out = append(append(out, p[done:from]...), Mask...)
		done = to
	}
	if done == 0 {
		return p[:end], p[end:]
	}
	out = append(out, p[done:end]...)
	m.out = out
	return out, p[end:]
}

// find returns where the next secret begins in p, from i on, or -1.
func (m *Masker) find(p []byte, i int) int {
	for last := i + m.window - 1; last < len(p); {
		if s := m.shift[hash(p[last-1], p[last])]; s > 0 {
			last += int(s)
			continue
		}
		if at := last - m.window + 1; m.match(p, at) > 0 {
			return at
		}
		last++
	}
	return -1
}

// match is the length of the longest secret at p[i:], or 0.
func (m *Masker) match(p []byte, i int) int {
	if !m.begins[p[i]] {
		return 0
	}
	for _, s := range m.secrets {
		if len(p)-i >= len(s) && string(p[i:i+len(s)]) == s {
			return len(s)
		}
	}
	return 0
}

// undecided returns where the end of p begins that is the beginning of a secret, or a
// secret that is the beginning of a longer one.
func (m *Masker) undecided(p []byte) int {
	i := max(0, len(p)-len(m.secrets[0])+1)
	if !m.multiline {
		i = max(i, bytes.LastIndexByte(p, '\n')+1)
	}
	for ; i < len(p); i++ {
		if !m.begins[p[i]] {
			continue
		}
		for _, s := range m.secrets {
			if len(p)-i < len(s) && strings.HasPrefix(s, string(p[i:])) {
				return i
			}
		}
	}
	return len(p)
}
