package ssh_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// key is a key pair.
type key struct {
	signer ssh.Signer
	pem    string
}

func newKey(t *testing.T, passphrase string) key {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return key{signer, string(pem.EncodeToMemory(block))}
}

// public is the key as files of known hosts have it.
func (k key) public() string {
	return k.signer.PublicKey().Type() + " " + base64.StdEncoding.EncodeToString(k.signer.PublicKey().Marshal())
}

// server is an SSH server that runs commands by sh.
type server struct {
	host, user key
	port       int
	listener   net.Listener
	wg         sync.WaitGroup

	mu    sync.Mutex
	asked []string // the requests of sessions, by type
	conns []net.Conn
	// started gets a value when a command runs.
	started chan struct{}
	// noFiles refuses SFTP.
	noFiles bool
}

// files serves the files of this machine.
func (s *server) files(channel ssh.Channel) {
	defer channel.Close()
	server, err := sftp.NewServer(channel)
	if err != nil {
		fmt.Fprintln(channel.Stderr(), err)
		return
	}
	_ = server.Serve() // until the client goes
}

// start starts a server that lets in user airflow with the password secret or the key.
func start(t *testing.T) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{
		host: newKey(t, ""), user: newKey(t, ""), listener: l, port: l.Addr().(*net.TCPAddr).Port,
		started: make(chan struct{}, 8),
	}
	c := &ssh.ServerConfig{
		PasswordCallback: func(m ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if m.User() == "airflow" && string(password) == "secret" {
				return nil, nil
			}
			return nil, errors.New("no")
		},
		PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
			if bytes.Equal(k.Marshal(), s.user.signer.PublicKey().Marshal()) {
				return nil, nil
			}
			return nil, errors.New("no")
		},
	}
	c.AddHostKey(s.host.signer)
	s.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			s.wg.Go(func() { s.serve(conn, c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.drop()
		s.wg.Wait()
	})
	return s
}

// drop breaks all connections off.
func (s *server) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
}

// requests are the requests seen so far.
func (s *server) requests() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.asked, " ")
}

func (s *server) serve(conn net.Conn, c *ssh.ServerConfig) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, c)
	if err != nil {
		return
	}
	s.wg.Go(func() { ssh.DiscardRequests(requests) })
	for open := range channels {
		channel, requests, err := open.Accept()
		if err != nil {
			return
		}
		s.wg.Go(func() { s.session(channel, requests) })
	}
}

func (s *server) session(channel ssh.Channel, requests <-chan *ssh.Request) {
	cmd := exec.Command("sh")
	cmd.Env = []string{"PATH=/usr/bin:/bin"}
	kill := func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if cmd.Process != nil {
			_ = cmd.Process.Kill()
		}
	}
	defer kill() // nobody listens to it any more
	for r := range requests {
		s.mu.Lock()
		s.asked = append(s.asked, r.Type)
		s.mu.Unlock()
		ok := true
		var then func()
		switch r.Type {
		case "env":
			var kv struct{ Name, Value string }
			_ = ssh.Unmarshal(r.Payload, &kv)
			if ok = kv.Name != "REFUSED"; ok {
				cmd.Env = append(cmd.Env, kv.Name+"="+kv.Value)
			}
		case "exec":
			var command struct{ Text string }
			_ = ssh.Unmarshal(r.Payload, &command)
			cmd.Args = append(cmd.Args, "-c", command.Text)
			then = func() { s.command(channel, cmd) }
		case "subsystem":
			var name struct{ Text string }
			_ = ssh.Unmarshal(r.Payload, &name)
			if ok = name.Text == "sftp" && !s.noFiles; ok {
				then = func() { s.files(channel) }
			}
		case "signal":
			kill()
		}
		if r.WantReply {
			_ = r.Reply(ok, nil)
		}
		if then != nil { // what ends at once must not close the channel before the reply
			s.wg.Go(then)
		}
	}
}

// command runs the command and sends how it ended.
func (s *server) command(channel ssh.Channel, cmd *exec.Cmd) {
	defer channel.Close()
	var in io.WriteCloser
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	s.mu.Lock()
	in, _ = cmd.StdinPipe() // so that a command can wait without a child that outlives it
	err := cmd.Start()
	s.mu.Unlock()
	if err != nil {
		fmt.Fprintln(channel.Stderr(), err)
		return
	}
	s.started <- struct{}{}
	err = cmd.Wait()
	_ = in.Close()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() < 0 {
		_, _ = channel.SendRequest("exit-signal", false, ssh.Marshal(struct {
			Signal string
			Core   bool
			Error  string
			Lang   string
		}{"KILL", false, "", ""}))
		return
	}
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{uint32(cmd.ProcessState.ExitCode())}))
}
