package ssh

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// hostKeyError says that a server is not, or not known to be, the one that is meant.
type hostKeyError struct{ err error }

// Error implements error.
func (e *hostKeyError) Error() string { return e.err.Error() }

// checkHostKey sets how the server's key is checked, and which kinds of keys are asked
// for: a server has several, and only those that are known can be compared.
func (t *target) checkHostKey(c *ssh.ClientConfig) error {
	if text := t.extra.text("host_key"); text != "" {
		return t.pinned(c, text)
	}
	trusting := t.extra.is("no_host_key_check", "true")
	if t.extra.is("allow_host_key_change", "true") {
		if !trusting {
			return t.wrong("allow_host_key_change without no_host_key_check would accept any server: set no_host_key_check to true as well, or remove it")
		}
		c.HostKeyCallback = ssh.InsecureIgnoreHostKey() //nolint:gosec // the author says so, by two options
		return nil
	}
	files := t.knownHosts()
	check, err := knownhosts.New(files...)
	if err != nil {
		return t.wrong("reading %s: %v", strings.Join(files, ", "), err)
	}
	c.HostKeyAlgorithms = knownAlgorithms(check, t.address())
	c.HostKeyCallback = func(address string, remote net.Addr, key ssh.PublicKey) error {
		return t.compared(check(address, remote, key), key, trusting)
	}
	return nil
}

// compared makes of a comparison's outcome an error with a remedy.
func (t *target) compared(err error, key ssh.PublicKey, trusting bool) error {
	var unlike *knownhosts.KeyError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &unlike):
		return &hostKeyError{err}
	case len(unlike.Want) > 0:
		return &hostKeyError{fmt.Errorf("the key of %s is %s, and not the one in %s:%d: if the server was set up anew, replace that line",
			t.address(), ssh.FingerprintSHA256(key), unlike.Want[0].Filename, unlike.Want[0].Line)}
	case trusting:
		return nil
	}
	return &hostKeyError{fmt.Errorf("the key of %s, %s, is not known: compare it, then add `%s` to ~/.ssh/known_hosts, put it into the connection's extra as host_key, or set no_host_key_check to true there",
		t.address(), ssh.FingerprintSHA256(key), knownhosts.Line([]string{t.address()}, key))}
}

// pinned accepts one key: "ssh-ed25519 AAAA…", or the part after the kind.
func (t *target) pinned(c *ssh.ClientConfig, text string) error {
	if t.extra.is("no_host_key_check", "true") {
		return t.wrong("it has host_key and no_host_key_check: remove one of them")
	}
	fields := strings.Fields(text)
	raw, err := base64.StdEncoding.DecodeString(fields[min(1, len(fields)-1)])
	if err != nil {
		return t.wrong("host_key is no key: write it as in known_hosts, such as `ssh-ed25519 AAAA...`")
	}
	want, err := ssh.ParsePublicKey(raw)
	if err != nil {
		return t.wrong("host_key is no key: %v", err)
	}
	c.HostKeyAlgorithms = algorithmsOf(want.Type())
	c.HostKeyCallback = func(_ string, _ net.Addr, key ssh.PublicKey) error {
		if !bytes.Equal(key.Marshal(), want.Marshal()) {
			return &hostKeyError{fmt.Errorf("the key of %s is %s, and host_key in connection %s is %s",
				t.address(), ssh.FingerprintSHA256(key), t.id, ssh.FingerprintSHA256(want))}
		}
		return nil
	}
	return nil
}

// knownHosts are the files of known hosts that there are.
func (t *target) knownHosts() []string {
	files := []string{"/etc/ssh/ssh_known_hosts"}
	if home := t.env("HOME"); home != "" {
		files = append(files, filepath.Join(home, ".ssh", "known_hosts"))
	}
	return slices.DeleteFunc(files, func(name string) bool {
		st, err := os.Stat(name)
		return err != nil || !st.Mode().IsRegular()
	})
}

// knownAlgorithms are those of the keys known for an address; nil (all) when none is. The
// package has no question for them, but tells them to who offers a key of none.
func knownAlgorithms(check ssh.HostKeyCallback, address string) []string {
	var unlike *knownhosts.KeyError
	if !errors.As(check(address, &net.TCPAddr{}, noKey{}), &unlike) {
		return nil
	}
	var out []string
	for _, known := range unlike.Want {
		out = append(out, algorithmsOf(known.Key.Type())...)
	}
	return out
}

// algorithmsOf are the signatures that keys of a kind make; RSA has newer ones.
func algorithmsOf(kind string) []string {
	if kind == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
	}
	return []string{kind}
}

// noKey is a key that no server has.
type noKey struct{}

// Type implements ssh.PublicKey.
func (noKey) Type() string { return "none" }

// Marshal implements ssh.PublicKey.
func (noKey) Marshal() []byte { return []byte("none") }

// Verify implements ssh.PublicKey.
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("this is no key") }
