package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// party is a simulated SIP party: sipgo's Server and Client on one UDP socket
// of the loopback interface.
type party struct {
	addr    netip.AddrPort
	agent   *sipgo.UserAgent
	server  *sipgo.Server
	client  *sipgo.Client
	contact sip.ContactHeader
	conn    *net.UDPConn
	served  sync.WaitGroup
}

// hushSIP silences sipgo, which reports every odd datagram at length. Its logger
// is a variable without a lock, so it is set before the first party exists.
var hushSIP = sync.OnceFunc(func() { sip.SetDefaultLogger(slog.New(slog.DiscardHandler)) })

// newParty takes a free port; user is the party's name in its Contact. It
// answers nothing before serve.
func newParty(user string) (*party, error) {
	hushSIP()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("opening a port for the simulated %s: %w", user, err)
	}
	e := &party{conn: conn, addr: conn.LocalAddr().(*net.UDPAddr).AddrPort()}
	e.contact.Address = sip.Uri{Scheme: "sip", User: user, Host: e.addr.Addr().String(), Port: int(e.addr.Port())}
	if err := e.prepare(); err != nil {
		conn.Close()
		return nil, fmt.Errorf("making the simulated %s: %w", user, err)
	}
	return e, nil
}

func (e *party) prepare() (err error) {
	if e.agent, err = sipgo.NewUA(); err != nil {
		return err
	}
	if e.server, err = sipgo.NewServer(e.agent); err != nil {
		return err
	}
	// Without the connection's address requests would leave from another port.
	e.client, err = sipgo.NewClient(e.agent,
		sipgo.WithClientAddr(e.addr.String()), sipgo.WithClientConnectionAddr(e.addr.String()))
	return err
}

// serve begins to read. The handlers must be set: the Server has no lock.
func (e *party) serve() {
	watched := &watchedConn{PacketConn: e.conn, read: make(chan struct{})}
	e.served.Go(func() { _ = e.server.ServeUDP(watched) }) // ends when close closes the socket; says nothing else
	<-watched.read
}

// watchedConn is a socket that tells when it is read for the first time. Only
// then does sipgo know it, and send by it instead of opening another one.
type watchedConn struct {
	net.PacketConn
	once sync.Once
	read chan struct{}
}

func (c *watchedConn) ReadFrom(b []byte) (int, net.Addr, error) {
	c.once.Do(func() { close(c.read) })
	return c.PacketConn.ReadFrom(b)
}

func (e *party) close() error {
	err := e.conn.Close() // sipgo leaves a socket that it was given open
	e.served.Wait()
	return errors.Join(err, e.agent.Close())
}

// respond answers a request that needs no more than a status.
func respond(req *sip.Request, tx sip.ServerTransaction, status int, reason string) {
	_ = tx.Respond(sip.NewResponseFromRequest(req, status, reason, nil)) // a lost answer is the network's everyday
}
