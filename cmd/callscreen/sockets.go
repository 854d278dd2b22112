package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"callscreen/sipagent"
)

// httpName is what the socket of http is called where sockets go by their names.
const httpName = "http"

// sockets are those that a service manager opened and passed to the process. They
// outlive it, and what comes meanwhile waits in them.
type sockets struct {
	files []*os.File
	open  map[string]map[string]*os.File // by listener, and by address as [listenAddress.String] writes it
	http  *os.File
}

// sortSockets finds out which socket is whose: the address decides. One that is
// nobody's would be filled by callers whom nobody hears, so it is an error.
func sortSockets(c *config, files []*os.File) (sockets, error) {
	s := sockets{files: files, open: map[string]map[string]*os.File{}}
	var wrong error
	for _, f := range files {
		wrong = errors.Join(wrong, s.sort(c, f))
	}
	if wrong != nil {
		return s, exitWith(exitConfiguration, wrong)
	}
	return s, nil
}

func (s *sockets) sort(c *config, f *os.File) error {
	at, err := addressOf(f)
	if err != nil {
		return fmt.Errorf("socket %q, passed by the service manager: %w", f.Name(), err)
	}
	owner, address := c.ownerOf(at)
	switch {
	case owner == "":
		return fmt.Errorf("socket %q, passed by the service manager, listens at %v, where nothing in %s listens: "+
			"let the socket unit say one of %s", f.Name(), at, c.file, strings.Join(c.addresses(), ", "))
	case c.isName(f.Name()) && f.Name() != owner:
		return fmt.Errorf("socket %q, passed by the service manager, listens at %v, which is the address of %q: "+
			"write FileDescriptorName=%s into the socket unit", f.Name(), at, owner, owner)
	case owner == httpName && address == "":
		s.http = f
		return nil
	}
	if s.open[owner] == nil {
		s.open[owner] = map[string]*os.File{}
	}
	s.open[owner][address] = f
	return nil
}

// addressOf returns where a socket listens; TCP and TLS look the same.
func addressOf(f *os.File) (at listenAddress, err error) {
	if l, err := net.FileListener(f); err == nil {
		defer l.Close()
		if tcp, ok := l.Addr().(*net.TCPAddr); ok {
			return listenAddress{unmapped(tcp.AddrPort()), "tcp"}, nil
		}
		return at, fmt.Errorf("%s is no address of SIP or HTTP", l.Addr().Network())
	}
	conn, err := net.FilePacketConn(f)
	if err != nil {
		return at, errors.New("it is no socket that listens")
	}
	defer conn.Close()
	if udp, ok := conn.LocalAddr().(*net.UDPAddr); ok {
		return listenAddress{unmapped(udp.AddrPort()), "udp"}, nil
	}
	return at, fmt.Errorf("%s is no address of SIP or HTTP", conn.LocalAddr().Network())
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// ownerOf names the listener whose address that is, and the address as it has it;
// http has none.
func (c *config) ownerOf(at listenAddress) (name, address string) {
	for _, l := range c.Listen {
		for _, a := range l.Address {
			if a.AddrPort == at.AddrPort && (a.transport == "udp") == (at.transport == "udp") {
				return l.Name, a.String()
			}
		}
	}
	if http, err := netip.ParseAddrPort(c.HTTP.Listen); err == nil && http == at.AddrPort && at.transport == "tcp" {
		return httpName, ""
	}
	return "", ""
}

// isName reports whether somebody who listens is called so. Other names are those
// that systemd gives where a unit names none.
func (c *config) isName(name string) bool {
	return name == httpName || slices.ContainsFunc(c.Listen, func(l listenConfig) bool { return l.Name == name })
}

// addresses returns all that is listened at, as a socket unit says it.
func (c *config) addresses() (all []string) {
	for _, l := range c.Listen {
		for _, a := range l.Address {
			key := "ListenStream"
			if a.transport == "udp" {
				key = "ListenDatagram"
			}
			all = append(all, key+"="+a.AddrPort.String())
		}
	}
	if c.HTTP.Listen != "" {
		all = append(all, "ListenStream="+c.HTTP.Listen)
	}
	return all
}

// hand gives an agent the sockets that are its listeners'.
func (s sockets) hand(o sipagent.Options) sipagent.Options {
	for i, l := range o.Listeners {
		o.Listeners[i].Open = s.open[l.Name]
	}
	return o
}

// warn tells of what is lost in a restart although others are not.
func (s sockets) warn(c *config, log zerolog.Logger) {
	if len(s.open) == 0 {
		return
	}
	for _, l := range c.Listen {
		for _, a := range l.Address {
			if s.open[l.Name][a.String()] == nil {
				log.Warn().Msg("the service manager keeps no socket for " + a.String() + ": calls that come by it during a restart are lost")
			}
		}
	}
}

// close gives the files back; who took a socket has a descriptor of its own.
func (s sockets) close() (err error) {
	for _, f := range s.files {
		err = errors.Join(err, f.Close())
	}
	return err
}
