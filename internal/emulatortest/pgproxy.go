package emulatortest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// PostgresProxy stands between a client and PostgreSQL. It counts round trips, and loses
// answers and connections.
type PostgresProxy struct {
	// URL is that of the database, through the proxy.
	URL    string
	server string
	ln     net.Listener
	trips  atomic.Int64
	// cuts is how many answers are still to be lost, down says that nobody answers.
	cuts atomic.Int64
	down atomic.Bool

	mu    sync.Mutex
	conns map[net.Conn]bool
	work  sync.WaitGroup
}

// NewPostgresProxy returns a proxy before the database at a URL of Postgres.
func NewPostgresProxy(t testing.TB, to string) *PostgresProxy {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	p := &PostgresProxy{server: u.Host, conns: map[net.Conn]bool{}}
	if p.ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	u.Host = p.ln.Addr().String()
	q := u.Query()
	q.Set("sslmode", "disable") // or a connection would begin with a question about it
	u.RawQuery = q.Encode()
	p.URL = u.String()
	p.work.Go(p.accept)
	t.Cleanup(func() {
		p.ln.Close()
		p.hangUp()
		p.work.Wait()
	})
	return p
}

// Trips is how often clients have waited for an answer so far, connecting not counted.
func (p *PostgresProxy) Trips() int64 { return p.trips.Load() }

// CutAnswers loses the next n answers, with their connections: the server has done what it
// was asked for.
func (p *PostgresProxy) CutAnswers(n int64) { p.cuts.Store(n) }

// Down ends all connections and lets nobody connect; Up ends that.
func (p *PostgresProxy) Down() {
	p.down.Store(true)
	p.hangUp()
}

// Up lets clients connect again.
func (p *PostgresProxy) Up() { p.down.Store(false) }

func (p *PostgresProxy) hangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.Close()
	}
	clear(p.conns)
}

func (p *PostgresProxy) accept() {
	for {
		client, err := p.ln.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
		if err != nil || p.down.Load() {
			client.Close()
			if err == nil {
				server.Close()
			}
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		s := &pgSession{p: p, client: client, server: server}
		p.work.Go(s.requests)
		p.work.Go(s.answers)
	}
}

// pgSession is one connection.
type pgSession struct {
	p              *PostgresProxy
	client, server net.Conn
	// asked counts the requests that the server has to answer, after it has let the client in.
	asked atomic.Int64
	in    atomic.Bool
}

func (s *pgSession) end() {
	s.client.Close()
	s.server.Close()
}

// errHuge says that the stream is not what we take it for.
var errHuge = errors.New("a message of that size is none")

// frame reads a message: its type, unless it is one of those before the client is let in.
func frame(r io.Reader, typed bool) (kind byte, whole []byte, err error) {
	head := make([]byte, 4, 5)
	if typed {
		head = head[:5]
	}
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, nil, err
	}
	size := binary.BigEndian.Uint32(head[len(head)-4:])
	if size < 4 || size > 1<<30 {
		return 0, nil, errHuge
	}
	whole = append(head, make([]byte, size-4)...)
	if _, err := io.ReadFull(r, whole[len(head):]); err != nil {
		return 0, nil, err
	}
	return head[0], whole, nil
}

// requests passes on what the client sends.
func (s *pgSession) requests() {
	defer s.end()
	for typed := false; ; typed = true {
		kind, message, err := frame(s.client, typed)
		if err != nil {
			return
		}
		// A pool asks a connection that was idle for a second whether it lives: that is
		// nobody's answer to lose.
		if typed && s.in.Load() && (kind == 'S' || kind == 'Q' && !bytes.Contains(message, []byte("-- ping"))) {
			s.p.trips.Add(1)
			s.asked.Add(1)
		}
		if _, err := s.server.Write(message); err != nil {
			return
		}
	}
}

// answers passes on what the server sends, but for what shall be lost.
func (s *pgSession) answers() {
	defer s.end()
	for {
		kind, message, err := frame(s.server, true)
		if err != nil {
			return
		}
		if s.asked.Load() > 0 && s.p.cuts.Load() > 0 {
			if kind != 'Z' {
				continue // until the server is done
			}
			s.p.cuts.Add(-1)
			return
		}
		if kind == 'Z' {
			s.in.Store(true)
			s.asked.Store(0)
		}
		if _, err := s.client.Write(message); err != nil {
			return
		}
	}
}
