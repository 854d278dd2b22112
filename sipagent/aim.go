package sipagent

import (
	"cmp"
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// aim is what an agent needs to know where its peers are.
type aim struct {
	names    names
	running  atomic.Bool
	failover Failover
	probes   sync.Map // of *prober by the token of the OPTIONS under way
}

// setAim prepares what newAgent needs of it.
func (a *aim) setAim(o Options) error {
	if a.names = o.names; a.names == nil {
		a.names = resolver{}
	}
	a.failover = Failover{After: cmp.Or(o.Failover.After, 3*time.Second), Status: cmp.Or(o.Failover.Status, 480)}
	return a.failover.check()
}

// keepAim follows the targets of all peers until ctx ends or stop is called,
// which waits for that.
func (a *Agent) keepAim(ctx context.Context) (stop func()) {
	a.running.Store(true)
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	for _, p := range a.peers {
		a.probeAll(p, p.places, nil)
		for _, t := range p.targets {
			if !t.ip.IsValid() {
				following.Go(func() { a.follow(ctx, p, t) }) // ends with ctx
			}
		}
	}
	return func() {
		cancel()
		following.Wait()
		for _, p := range a.peers {
			a.probeAll(p, nil, p.places)
		}
	}
}

// probeAll begins to ask the places of a peer that are new, and lets those be that
// are gone.
func (a *Agent) probeAll(p *peer, added, gone []*place) {
	for _, x := range added {
		if x != nil && p.probe > 0 {
			a.probe(x, p.probe)
		}
	}
	for _, x := range gone {
		if x == nil {
			continue
		}
		if asks := x.prober.Swap(nil); asks != nil {
			asks.end()
		}
	}
}

// probed handles an answer to an OPTIONS of ours.
func (w *work) probed(t token) {
	if p, ok := w.probes.Load(t); ok {
		p.(*prober).answered(w)
		return
	}
	w.drop(dropUnproven)
}
