package pgqueue

import (
	"sync"
	"time"

	"github.com/updraft-dev/updraft/internal/pgconf"
)

// channel is where processes tell of messages, by the queue's key.
const channel = "queue"

const (
	// heardPoll is how often a receiver looks although it has heard nothing: word is lost only
	// if the sender dies, or the network. Otherwise it looks every blindPoll.
	heardPoll = 5 * time.Second
	blindPoll = 250 * time.Millisecond
)

// news tells the receivers of this process of messages that any process has sent.
type news struct {
	l *pgconf.Listener

	mu   sync.Mutex
	wait map[string]chan struct{}
}

// listen returns the news of this server, which begin when they are first needed; nil if the
// server is closed.
func (s *Server) listen() *news {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.news == nil && !s.isClosed() {
		n := &news{wait: map[string]chan struct{}{}}
		n.l = s.db.Listen(channel, s.log, n.heard)
		s.news = n
	}
	return s.news
}

// next returns a channel that is closed at the next word of a queue.
func (n *news) next(name string) <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.wait[name]
	if c == nil {
		c = make(chan struct{})
		n.wait[name] = c
	}
	return c
}

// heard wakes those who wait for a queue, all if it has no name.
func (n *news) heard(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for of, c := range n.wait {
		if name == "" || name == of {
			close(c)
			delete(n.wait, of)
		}
	}
}

// poll is how long a receiver may go without looking.
func (n *news) poll() time.Duration {
	if n != nil && n.l.Hears() {
		return heardPoll
	}
	return blindPoll
}

func (n *news) close() { n.l.Close() }
