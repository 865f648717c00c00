package settings

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrKey says that a sealed value cannot be opened with the keys at hand.
var ErrKey = errors.New("no key opens it")

// sealPrefix begins every sealed value: "updraft1:<key id>:<base64 of nonce and text>".
const sealPrefix = "updraft1:"

// Keys seal values at rest with AES-256-GCM. The first key seals, all of them open,
// so that a key is replaced by putting a new one first. Safe for concurrent use.
type Keys struct {
	list  []key
	where string
}

type key struct {
	id   string
	aead cipher.AEAD
}

// OpenKeys reads the keys of a file; if it does not exist, it makes one with a new
// key, readable by its owner only. Several processes may do so at once: all get the
// same key.
func OpenKeys(path string) (*Keys, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createKeyFile(path); err != nil {
			return nil, fmt.Errorf("making key file %s: %w", path, err)
		}
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("reading key file: %w", err)
	}
	return ParseKeys(string(text), path)
}

// createKeyFile writes the whole file before it gets its name, so that nobody reads half a key.
func createKeyFile(path string) error {
	text, err := NewKey()
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".key-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString("# Seals connections and variables. Losing it loses them: keep a copy.\n" + text + "\n")
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// NewKey makes a key: 32 random bytes in base64.
func NewKey() (string, error) {
	raw := make([]byte, 32)
	if _, err := rand.Read(raw); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(raw), nil
}

// ParseKeys reads keys in base64, one a line; empty lines and those that begin with #
// do not count. Where names the place they come from, for messages.
func ParseKeys(text, where string) (*Keys, error) {
	k := &Keys{where: where}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		raw, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(raw) != 32 {
			return nil, fmt.Errorf("%s, line %d: not a key: 32 bytes in base64 are expected (44 characters)", where, i+1)
		}
		block, err := aes.NewCipher(raw)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(append([]byte("updraft key id\n"), raw...))
		k.list = append(k.list, key{id: hex.EncodeToString(sum[:4]), aead: aead})
	}
	if len(k.list) == 0 {
		return nil, fmt.Errorf("%s has no key: restore it, or delete the file to get a new one (what was sealed before is then lost)", where)
	}
	return k, nil
}

// ID is the id of the key that seals.
func (k *Keys) ID() string { return k.list[0].id }

// Seal seals a text for a place (its kind and id); it opens only there.
func (k *Keys) Seal(place string, text []byte) ([]byte, error) {
	first := k.list[0]
	nonce := make([]byte, first.aead.NonceSize(), first.aead.NonceSize()+len(text)+first.aead.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	box := first.aead.Seal(nonce, nonce, text, []byte(place))
	out := append([]byte(sealPrefix), first.id...)
	out = append(out, ':')
	return base64.StdEncoding.AppendEncode(out, box), nil
}

// Sealed says whether b is something that Seal made.
func Sealed(b []byte) bool { return bytes.HasPrefix(b, []byte(sealPrefix)) }

// Open opens what Seal made for this place. The error is ErrKey, and names the key
// that is missing, if no key opens it.
func (k *Keys) Open(place string, sealed []byte) ([]byte, error) {
	rest, ok := bytes.CutPrefix(sealed, []byte(sealPrefix))
	id, text, ok2 := bytes.Cut(rest, []byte(":"))
	if !ok || !ok2 {
		return nil, fmt.Errorf("%s is not sealed as it should be", place)
	}
	for _, have := range k.list {
		if have.id != string(id) {
			continue
		}
		box, err := base64.StdEncoding.AppendDecode(nil, text)
		if err != nil || len(box) < have.aead.NonceSize() {
			return nil, fmt.Errorf("%s is damaged: store it again", place)
		}
		n := have.aead.NonceSize()
		out, err := have.aead.Open(nil, box[:n], box[n:], []byte(place))
		if err != nil {
			return nil, fmt.Errorf("%s is damaged or was moved from another place: store it again", place)
		}
		return out, nil
	}
	return nil, fmt.Errorf("%s is sealed with key %s, which is not in %s: put that key back, or store the value again: %w", place, id, k.where, ErrKey)
}
