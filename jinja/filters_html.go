package jinja

import (
	"net/url"
	"regexp"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/updraft-dev/updraft/jinja/py"
)

func isWord(c rune) bool { return unicode.IsLetter(c) || unicode.IsNumber(c) || c == '_' }

var htmlFilters = map[string]filterFunc{
	"e":      filterOf("escape", escape, "s"),
	"escape": filterOf("escape", escape, "s"),
	"forceescape": filterOf("do_forceescape", func(r *run, a []py.Value) (py.Value, error) {
		s, err := text(r, a[0])
		return py.Escape(s), err
	}, "value"),
	"safe": filterOf("do_mark_safe", func(r *run, a []py.Value) (py.Value, error) {
		s, err := text(r, a[0])
		return py.Markup(s), err
	}, "value"),
	"striptags": filterOf("do_striptags", func(r *run, a []py.Value) (py.Value, error) {
		s, err := text(r, a[0])
		return py.StripTags(s), err
	}, "value"),
	"urlencode": filterOf("do_urlencode", urlEncode, "value"),
	"urlize":    filterOf("do_urlize", urlize, "env", "value", "trim_url_limit?", "nofollow?", "target?", "rel?", "extra_schemes?"),
	"xmlattr":   filterOf("do_xmlattr", xmlAttr, "env", "d", "autospace?"),
}

func escape(r *run, a []py.Value) (py.Value, error) {
	return py.ToMarkup(r.th, a[0])
}

// QuoteURL is urllib's quote(s, safe), with blanks as "+" in query strings.
func quoteURL(s, safe string, query bool) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_.-~", c) >= 0 || strings.IndexByte(safe, c) >= 0:
			b.WriteByte(c)
		case c == ' ' && query:
			b.WriteByte('+')
		default:
			const hex = "0123456789ABCDEF"
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
	return b.String()
}

func urlEncode(r *run, a []py.Value) (py.Value, error) {
	if s, ok := py.IsString(a[0]); ok {
		return quoteURL(s, "/", false), nil
	}
	src := a[0]
	if d, ok := src.(*py.Dict); ok {
		src = d.Items()
	} else if _, err := py.Iter(r.th, src); err != nil {
		if !py.IsClass(err, "TypeError") {
			return nil, err
		}
		s, err := text(r, src)
		return quoteURL(s, "/", false), err
	}
	pairs, err := py.Collect(r.th, src)
	if err != nil {
		return nil, err
	}
	parts := make([]string, len(pairs))
	for i, p := range pairs {
		kv, err := py.Collect(r.th, p)
		if err != nil {
			return nil, err
		}
		if len(kv) != 2 {
			return nil, py.ValueError("not enough values to unpack (expected 2, got %d)", len(kv))
		}
		for j, v := range kv {
			s, err := text(r, v)
			if err != nil {
				return nil, err
			}
			parts[i] += []string{"", "="}[j] + quoteURL(s, "", true)
		}
	}
	return strings.Join(parts, "&"), nil
}

// badAttr are the characters that would end an attribute's name.
const badAttr = " \t\n\f\r/>="

func xmlAttr(r *run, a []py.Value) (py.Value, error) {
	view, err := method(r, a[0], "items")
	if err != nil {
		return nil, err
	}
	pairs, err := py.Collect(r.th, view)
	if err != nil {
		return nil, err
	}
	space, err := truth(r, py.Or(a[1], true))
	if err != nil {
		return nil, err
	}
	var parts []string
	for _, p := range pairs {
		kv := p.(py.Tuple)
		if u, ok := kv[1].(*Undefined); kv[1] == nil || ok && u != nil {
			continue
		}
		k, err := text(r, kv[0])
		if err != nil {
			return nil, err
		}
		if strings.ContainsAny(k, badAttr) {
			return nil, py.ValueError("Invalid character in attribute name: %s", quoted(k))
		}
		v, err := py.ToMarkup(r.th, kv[1])
		if err != nil {
			return nil, err
		}
		parts = append(parts, string(py.Escape(k))+`="`+string(v)+`"`)
	}
	s := strings.Join(parts, " ")
	if s != "" && space {
		s = " " + s
	}
	if r.autoescape {
		return py.Markup(s), nil
	}
	return s, nil
}

var (
	urlWord = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`^(?i:(https?://|www\.)(([\w%-]+\.)+)?([a-z]{2,63}|xn--[\w%]{2,59})|([\w%-]{2,63}\.)+(com|net|int|edu|gov|org|info|mil)|(https?://)((([\d]{1,3})(\.[\d]{1,3}){3})|(\[([\da-f]{0,4}:){2}([\da-f]{0,4}:?){1,6}\])))(?::[\d]{1,5})?(?:[/?#]\S*)?$`)
	})
	mail   = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^\S+@\w[\w.-]*\.\w+$`) })
	spaces = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\s+`) })
)

type linker struct {
	limit  int
	attrs  string
	schema []string
}

// urlize makes links of what looks like addresses.
func urlize(r *run, a []py.Value) (py.Value, error) {
	l := linker{limit: -1}
	if v := py.Or(a[1], nil); v != nil {
		n, err := py.AsIndex(v)
		if err != nil {
			return nil, err
		}
		l.limit = n
	}
	nofollow, err := truth(r, py.Or(a[2], false))
	if err != nil {
		return nil, err
	}
	rels := map[string]bool{"noopener": true}
	if s, ok := py.IsString(py.Or(a[4], nil)); ok {
		for _, x := range strings.Fields(s) {
			rels[x] = true
		}
	}
	if nofollow {
		rels["nofollow"] = true
	}
	l.attrs = ` rel="` + strings.Join(sortedKeys(rels), " ") + `"`
	if s, ok := py.IsString(py.Or(a[3], nil)); ok && s != "" {
		l.attrs += ` target="` + string(py.Escape(s)) + `"`
	}
	if v := py.Or(a[5], nil); v != nil {
		list, err := py.Collect(r.th, v)
		if err != nil {
			return nil, err
		}
		for _, x := range list {
			s, _ := py.IsString(x)
			l.schema = append(l.schema, s)
		}
	}
	m, err := py.ToMarkup(r.th, a[0])
	if err != nil {
		return nil, err
	}
	out := l.all(string(m))
	if r.autoescape {
		return py.Markup(out), r.th.Alloc(len(out))
	}
	return out, r.th.Alloc(len(out))
}

func sortedKeys(m map[string]bool) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	for i := range out {
		for j := i; j > 0 && out[j] < out[j-1]; j-- {
			out[j], out[j-1] = out[j-1], out[j]
		}
	}
	return out
}

func (l linker) all(s string) string {
	var b strings.Builder
	at := 0
	for _, m := range spaces().FindAllStringIndex(s, -1) {
		b.WriteString(l.one(s[at:m[0]]))
		b.WriteString(s[m[0]:m[1]])
		at = m[1]
	}
	b.WriteString(l.one(s[at:]))
	return b.String()
}

// one links a word, leaving brackets and punctuation around it.
func (l linker) one(word string) string {
	head, mid, tail := "", word, ""
	for {
		cut := ""
		for _, p := range []string{"(", "<", "&lt;"} {
			if strings.HasPrefix(mid, p) {
				cut = p
			}
		}
		if cut == "" {
			break
		}
		head, mid = head+cut, mid[len(cut):]
	}
	for {
		cut := ""
		for _, p := range []string{")", ">", ".", ",", "\n", "&gt;"} {
			if strings.HasSuffix(mid, p) {
				cut = p
			}
		}
		if cut == "" {
			break
		}
		mid, tail = mid[:len(mid)-len(cut)], cut+tail
	}
	// A bracket that opens inside the word closes inside it.
	for _, p := range [][2]string{{"(", ")"}, {"<", ">"}, {"&lt;", "&gt;"}} {
		open := strings.Count(mid, p[0])
		for range min(open-strings.Count(mid, p[1]), strings.Count(tail, p[1])) {
			i := strings.Index(tail, p[1]) + len(p[1])
			mid, tail = mid+tail[:i], tail[i:]
		}
	}
	return head + l.link(mid) + tail
}

func (l linker) trim(s string) string {
	if l.limit >= 0 && utf8.RuneCountInString(s) > l.limit {
		return string([]rune(s)[:l.limit]) + "..."
	}
	return s
}

func (l linker) link(s string) string {
	switch {
	case urlWord().MatchString(s):
		href := s
		if !strings.HasPrefix(s, "https://") && !strings.HasPrefix(s, "http://") {
			href = "https://" + s
		}
		return `<a href="` + href + `"` + l.attrs + `>` + l.trim(s) + `</a>`
	case strings.HasPrefix(s, "mailto:") && mail().MatchString(s[7:]):
		return `<a href="` + s + `">` + s[7:] + `</a>`
	case strings.Contains(s, "@") && !strings.HasPrefix(s, "www.") && !strings.Contains(s, ":") && !strings.HasPrefix(s, "@") && mail().MatchString(s):
		return `<a href="mailto:` + s + `">` + s + `</a>`
	}
	for _, scheme := range l.schema {
		if s != scheme && strings.HasPrefix(s, scheme) {
			if _, err := url.Parse(s); err == nil {
				return `<a href="` + s + `"` + l.attrs + `>` + s + `</a>`
			}
		}
	}
	return s
}
