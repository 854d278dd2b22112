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
}

// setAim prepares what newAgent needs of it.
func (a *aim) setAim(o Options) {
	if a.names = o.names; a.names == nil {
		a.names = resolver{}
	}
	a.failover = Failover{After: cmp.Or(o.Failover.After, 3*time.Second), Status: cmp.Or(o.Failover.Status, 480)}
}

// keepAim follows the targets of all peers until ctx ends or stop is called,
// which waits for that.
func (a *Agent) keepAim(ctx context.Context) (stop func()) {
	a.running.Store(true)
	ctx, cancel := context.WithCancel(ctx)
	var following sync.WaitGroup
	for _, p := range a.peers {
		for _, t := range p.targets {
			if !t.ip.IsValid() {
				following.Go(func() { a.follow(ctx, p, t) }) // ends with ctx
			}
		}
	}
	return func() {
		cancel()
		following.Wait()
	}
}
