package ssh

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/updraft-dev/updraft/run"
	"github.com/updraft-dev/updraft/task"
)

// dial connects and logs in. Servers that are not there are the infrastructure's fault;
// keys, passwords and host keys are the configuration's.
func (t *target) dial(ctx context.Context) (*ssh.Client, error) {
	c := &ssh.ClientConfig{User: t.user}
	if err := t.algorithms(c); err != nil {
		return nil, err
	}
	if err := t.checkHostKey(c); err != nil {
		return nil, err
	}
	done, err := t.authenticate(ctx, c)
	if err != nil {
		return nil, err
	}
	defer done()
	dialer := net.Dialer{Timeout: t.connTimeout}
	conn, err := dialer.DialContext(ctx, "tcp", t.address())
	if err != nil {
		return nil, unreachable(ctx, fmt.Errorf("connecting to %s: %w", t.address(), err))
	}
	client, err := t.handshake(ctx, conn, c)
	if err != nil {
		_ = conn.Close() // it is of no use any more
		return nil, t.refused(ctx, err)
	}
	return client, nil
}

// handshake makes a client of a connection, within banner_timeout.
func (t *target) handshake(ctx context.Context, conn net.Conn, c *ssh.ClientConfig) (*ssh.Client, error) {
	if t.banner > 0 {
		if err := conn.SetDeadline(time.Now().Add(t.banner)); err != nil {
			return nil, err
		}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	inner, channels, requests, err := ssh.NewClientConn(conn, t.address(), c)
	if err != nil {
		return nil, err
	}
	if err := conn.SetDeadline(time.Time{}); err != nil {
		return nil, err
	}
	return ssh.NewClient(inner, channels, requests), nil
}

// refused tells why a handshake failed.
func (t *target) refused(ctx context.Context, err error) error {
	var key *hostKeyError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("stopped: %w", context.Cause(ctx))
	case errors.As(err, &key):
		return t.wrong("%v", key)
	case strings.Contains(err.Error(), "unable to authenticate"):
		// The package has no error value for it.
		return t.wrong("%s does not let %s in: check login, password and key (%v)", t.address(), t.user, err)
	case strings.Contains(err.Error(), "no common algorithm"):
		return t.wrong("%s: %v: set ciphers or disabled_algorithms", t.address(), err)
	}
	return unreachable(ctx, fmt.Errorf("logging in to %s: %w", t.address(), err))
}

// unreachable is a failure of the infrastructure, unless the attempt was stopped.
func unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("stopped: %w", context.Cause(ctx))
	}
	return &task.CauseError{Cause: run.CauseInfra, Err: err}
}

// algorithms applies ciphers and disabled_algorithms (by kind: ciphers, macs, kex).
func (t *target) algorithms(c *ssh.ClientConfig) error {
	all := ssh.SupportedAlgorithms()
	c.Ciphers, c.MACs, c.KeyExchanges = t.extra.texts("ciphers"), all.MACs, all.KeyExchanges
	if len(c.Ciphers) == 0 {
		c.Ciphers = all.Ciphers
	}
	disabled, ok := t.extra["disabled_algorithms"].(map[string]any)
	if !ok && t.extra["disabled_algorithms"] != nil {
		return t.wrong("disabled_algorithms is no dict of lists")
	}
	for kind, list := range map[string]*[]string{"ciphers": &c.Ciphers, "macs": &c.MACs, "kex": &c.KeyExchanges} {
		not := options(disabled).texts(kind)
		*list = slices.DeleteFunc(slices.Clone(*list), func(name string) bool { return slices.Contains(not, name) })
		if len(*list) == 0 {
			return t.wrong("ciphers and disabled_algorithms leave no algorithm for %s", kind)
		}
	}
	return nil
}

// authenticate sets how we log in: by the connection's key, by those of the agent and of
// ~/.ssh unless look_for_keys is false, by the password. Done ends it.
func (t *target) authenticate(ctx context.Context, c *ssh.ClientConfig) (done func(), err error) {
	done = func() {}
	var signers []ssh.Signer
	given, err := t.givenKey()
	if err != nil {
		return done, err
	}
	if given != nil {
		signers = append(signers, given)
	}
	if !t.extra.is("look_for_keys", "false") {
		agents, end := t.agentKeys(ctx)
		done = end
		signers = append(append(signers, agents...), t.foundKeys()...)
	}
	if len(signers) > 0 {
		c.Auth = append(c.Auth, ssh.PublicKeys(signers...))
	}
	if password := strings.TrimSpace(t.password); password != "" {
		c.Auth = append(c.Auth, ssh.Password(password), ssh.KeyboardInteractive(
			func(_, _ string, questions []string, _ []bool) ([]string, error) {
				answers := make([]string, len(questions))
				for i := range answers {
					answers[i] = password
				}
				return answers, nil
			}))
	}
	if len(c.Auth) == 0 {
		return done, t.wrong("there is no password and no key: set password, or key_file or private_key in its extra")
	}
	return done, nil
}

// givenKey is the key that the connection names; nil without one.
func (t *target) givenKey() (ssh.Signer, error) {
	what, pem := "private_key", []byte(t.extra.text("private_key"))
	if len(pem) == 0 {
		name := t.extra.text("key_file")
		if name == "" {
			return nil, nil
		}
		what = "key_file " + t.path(name)
		var err error
		if pem, err = os.ReadFile(t.path(name)); err != nil {
			return nil, t.wrong("reading the key: %v", err)
		}
	}
	signer, err := ssh.ParsePrivateKey(pem)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		phrase := first(t.extra.text("private_key_passphrase"), t.password)
		if phrase == "" {
			return nil, t.wrong("%s is encrypted: set private_key_passphrase", what)
		}
		signer, err = ssh.ParsePrivateKeyWithPassphrase(pem, []byte(phrase))
	}
	if err != nil {
		return nil, t.wrong("%s cannot be read (%v): it has to be a private key with its BEGIN and END lines", what, err)
	}
	return signer, nil
}

// agentKeys are the keys of an agent, if one is running.
func (t *target) agentKeys(ctx context.Context) (keys []ssh.Signer, done func()) {
	done = func() {}
	socket := t.env("SSH_AUTH_SOCK")
	if socket == "" {
		return nil, done
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		t.a.Log.WarnContext(ctx, "the SSH agent does not answer: "+err.Error())
		return nil, done
	}
	keys, err = agent.NewClient(conn).Signers()
	if err != nil {
		t.a.Log.WarnContext(ctx, "the SSH agent does not tell its keys: "+err.Error())
	}
	return keys, func() { _ = conn.Close() }
}

// foundKeys are those in ~/.ssh that can be used as they are.
func (t *target) foundKeys() []ssh.Signer {
	home := t.env("HOME")
	if home == "" {
		return nil
	}
	var out []ssh.Signer
	for _, name := range []string{"id_ed25519", "id_ecdsa", "id_rsa"} {
		pem, err := os.ReadFile(filepath.Join(home, ".ssh", name))
		if errors.Is(err, fs.ErrNotExist) || err != nil {
			continue
		}
		if s, err := ssh.ParsePrivateKey(pem); err == nil {
			out = append(out, s)
		}
	}
	return out
}
