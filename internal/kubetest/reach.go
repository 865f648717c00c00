package kubetest

import (
	"io"
	"net"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reachable returns an address by which pods, and this machine, reach a server at HOST:PORT on
// loopback, until the test ends. Pods with hostNetwork on the cluster of "make kube-up" may use
// either.
func Reachable(t testing.TB, address string) string {
	t.Helper()
	return NewGate(t, address).Address
}

// Gate leads pods to a server on this machine, unless it is shut.
type Gate struct {
	// Address is where pods, and this machine, find the server.
	Address string
	server  string

	mu   sync.Mutex
	open map[net.Conn]bool
	shut bool
	work sync.WaitGroup
}

// NewGate makes a gate before the server at HOST:PORT. It is in the network that the
// cluster's nodes are in, and goes with the test.
func NewGate(t testing.TB, server string) *Gate {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(beside(t), "0"))
	if err != nil {
		t.Fatalf("listen for pods: %v", err)
	}
	g := &Gate{Address: listener.Addr().String(), server: server, open: map[net.Conn]bool{}}
	g.work.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed below
			}
			g.work.Go(func() { g.lead(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		g.Shut()
		g.work.Wait()
	})
	return g
}

// Shut ends all connections, and new ones as they come: as of a server that is down.
func (g *Gate) Shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = true
	for c := range g.open {
		c.Close()
	}
}

// Open lets connections through again.
func (g *Gate) Open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = false
}

// hold notes connections that Shut is to end. It says whether the gate is open.
func (g *Gate) hold(conns ...net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return false
	}
	for _, c := range conns {
		g.open[c] = true
	}
	return true
}

func (g *Gate) drop(conns ...net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range conns {
		delete(g.open, c)
		c.Close()
	}
}

// lead copies between a connection and one to the server, until both sides have ended.
func (g *Gate) lead(in net.Conn) {
	defer in.Close()
	out, err := net.Dial("tcp", g.server)
	if err != nil {
		return // the pod sees its connection closed
	}
	defer g.drop(in, out)
	if !g.hold(in, out) {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { flow(in, out) })
	flow(out, in)
	back.Wait()
}

// flow copies one way. What has ended on this side may go on on the other.
func flow(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	if tcp, ok := to.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}

// beside is the address of this machine in the network of the cluster's first node: that of
// the bridge of "make kube-up", or of kind's network.
func beside(t testing.TB) string {
	t.Helper()
	nodes, err := Client(t).CoreV1().Nodes().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatalf("list nodes: %v", err)
	}
	interfaces, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range nodes.Items {
		for _, a := range node.Status.Addresses {
			for _, i := range interfaces {
				if n, ok := i.(*net.IPNet); ok && a.Type == corev1.NodeInternalIP && n.Contains(net.ParseIP(a.Address)) {
					return n.IP.String()
				}
			}
		}
	}
	t.Fatalf("this machine has no address in a network of the cluster's nodes: pods do not reach it")
	return ""
}
