package store

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"time"
)

const (
	gatherMost = 4096                   // items in a batch
	gatherFor  = 500 * time.Millisecond // longest that a batch waits for more
	gatherStep = 20 * time.Millisecond  // how long nothing has come when it waits no longer
	retryEvery = time.Second            // between two attempts at a database that is down
	drainFor   = 200 * time.Millisecond // of the spool, before new calls have their turn
)

// writer is the one goroutine that writes, to the database or else to the spool.
type writer struct {
	store     *Store
	spool     *spool
	id        string
	seq       int64
	conn      *conn         // nil while there is none
	connected chan *conn    // a new one
	failed    chan struct{} // closed when an attempt to connect has failed
	failing   sync.Once
	retry     *time.Timer
	retryAt   time.Time // the database is left alone until then
}

func newWriter(s *Store, spool *spool) *writer {
	s.health.spooled.Store(spool.size)
	return &writer{store: s, spool: spool, id: rand.Text(), connected: make(chan *conn), failed: make(chan struct{}), retry: time.NewTimer(retryEvery)}
}

// run writes until the queue is closed and empty. What waits for the database ends
// with ctx.
func (w *writer) run(ctx context.Context) {
	defer close(w.store.ended)
	w.connect(ctx, nil)
	for {
		select {
		case i, ok := <-w.store.queue:
			if !ok {
				w.finish(ctx)
				w.close()
				return
			}
			w.keep(ctx, w.gather(i))
		case c := <-w.connected:
			w.adopt(c)
		case <-w.retry.C:
			w.probe(ctx)
			w.drain(ctx)
		case op := <-w.store.ops:
			op(w)
		}
	}
}

// connect connects in the background, as often as it takes. The file of a database
// that broke is set aside first.
func (w *writer) connect(ctx context.Context, broke error) {
	w.conn = nil
	w.store.running.Go(func() { // ends by ctx or when it is connected
		for {
			c, err := w.reach(ctx, &broke)
			if err == nil {
				select {
				case w.connected <- c:
				case <-ctx.Done():
					w.store.note(c.close())
				}
				return
			}
			w.store.down(err)
			w.failing.Do(func() { close(w.failed) })
			select {
			case <-time.After(retryEvery):
			case <-ctx.Done():
				return
			}
		}
	})
}

func (w *writer) reach(ctx context.Context, broke *error) (*conn, error) {
	if *broke != nil {
		if err := w.store.database.setAside(*broke); err != nil {
			return nil, err
		}
		*broke = nil
	}
	return w.store.database.connect(ctx)
}

func (w *writer) adopt(c *conn) {
	w.conn = c
	w.store.health.set(nil)
	w.retryAt = time.Time{}
	w.retry.Reset(0)
}

// gather makes a batch of first and what comes behind it. A large one costs less a
// call, the more so as many calls end within it; to be woken by each costs most.
func (w *writer) gather(first item) *batch {
	w.seq++
	b := &batch{Writer: w.id, Seq: w.seq}
	b.add(first, w.store.privacy)
	end := time.Now().Add(gatherFor)
	for before := 0; w.take(b) && b.Items > before && time.Now().Before(end); {
		before = b.Items
		time.Sleep(gatherStep)
	}
	return b
}

// take adds what is queued, and reports whether there is room and hope for more.
func (w *writer) take(b *batch) bool {
	for b.Items < gatherMost {
		select {
		case i, ok := <-w.store.queue:
			if !ok {
				return false
			}
			b.add(i, w.store.privacy)
		default:
			return true
		}
	}
	return false
}

// flush writes what is queued now.
func (w *writer) flush(ctx context.Context) {
	for queued := len(w.store.queue); queued > 0; {
		i, ok := <-w.store.queue
		if !ok {
			return
		}
		b := w.gather(i)
		queued -= b.Items
		w.keep(ctx, b)
	}
}

// keep writes a batch somewhere. As long as neither database nor spool takes it,
// calls wait in the queue; when the store is closed it is lost.
func (w *writer) keep(ctx context.Context, b *batch) {
	for {
		err := w.put(ctx, b)
		if err == nil {
			return
		}
		select {
		case <-time.After(retryEvery):
			w.drain(ctx) // the spool may be what has no room
		case c := <-w.connected:
			w.adopt(c)
		case <-ctx.Done():
			w.store.health.lose(b.Items, err)
			return
		}
	}
}

// put writes a batch to the database, or behind others into the spool.
func (w *writer) put(ctx context.Context, b *batch) error {
	if w.spool.empty() && w.ready() && w.apply(ctx, b) {
		return nil
	}
	err := w.spool.put(b)
	w.store.health.spooled.Store(w.spool.left())
	return err
}

// ready reports whether the database is worth an attempt.
func (w *writer) ready() bool { return w.conn != nil && !time.Now().Before(w.retryAt) }

// apply writes a batch to the database, and reports whether it did.
func (w *writer) apply(ctx context.Context, b *batch) bool {
	lost, why, err := w.conn.apply(b)
	if err != nil {
		w.fail(ctx, err)
		return false
	}
	if lost > 0 {
		w.store.health.lose(lost, why)
	}
	w.store.health.written.Add(uint64(b.Items - lost))
	w.store.health.set(nil)
	return true
}

// fail leaves the database alone for a while.
func (w *writer) fail(ctx context.Context, err error) {
	w.store.down(err)
	w.retryAt = time.Now().Add(retryEvery)
	w.retry.Reset(retryEvery)
	if broken(err) {
		w.store.note(w.conn.close())
		w.connect(ctx, err)
	}
}

// probe finds out whether a database that was down takes calls again, when no batch
// is there to tell. It writes one without calls; a batch that waits elsewhere must
// not have a lower number than that.
func (w *writer) probe(ctx context.Context) {
	if w.ready() && w.spool.empty() && !w.store.health.state().Up {
		w.seq++
		w.apply(ctx, &batch{Writer: w.id, Seq: w.seq})
	}
}

// drain writes what waits in the spool, for a while.
func (w *writer) drain(ctx context.Context) {
	for start := time.Now(); w.ready() && !w.spool.empty() && time.Since(start) < drainFor; {
		b, err := w.spool.first()
		switch {
		case errors.Is(err, errDamaged):
			w.store.health.lose(1, err)
		case err != nil:
			w.store.note(err)
			w.retry.Reset(retryEvery)
			return
		case !w.apply(ctx, b):
			return
		}
		w.store.note(w.spool.pop())
		w.store.health.spooled.Store(w.spool.left())
	}
	if w.conn != nil && !w.spool.empty() {
		w.retry.Reset(max(0, time.Until(w.retryAt)))
	}
}

// finish has the database take what waits in the spool, if it is there, or about to be.
func (w *writer) finish(ctx context.Context) {
	if w.conn == nil {
		select {
		case c := <-w.connected:
			w.adopt(c)
		case <-w.failed:
		case <-ctx.Done():
		}
	}
	w.retryAt = time.Time{} // there is no later
	w.drain(ctx)
}

// close closes everything. What is in the spool stays there for the next writer.
func (w *writer) close() {
	w.retry.Stop()
	if w.conn != nil {
		w.store.note(w.conn.close())
	}
	w.store.note(w.spool.close())
}
