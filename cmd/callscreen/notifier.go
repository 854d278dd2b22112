package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"callscreen/audit"
	"callscreen/audit/notify"
	"callscreen/audit/store"
	"callscreen/juhe"
	"callscreen/screening"
)

const (
	lookEvery     = 5 * time.Second  // at the directories
	downToldAfter = 30 * time.Second // who is back before is not told of
	pastWithin    = time.Second      // how long the start may wait for the past
)

// notifier tells by webhooks what people should hear of. The zero notifier tells
// nobody.
type notifier struct {
	hooks   []*notify.Hook
	digest  time.Duration // time of day of the daily digest; below 0: there is none
	privacy audit.Privacy // of the digest
	log     zerolog.Logger
}

// openNotifier opens the webhooks that c wants.
func (r *record) openNotifier(c *config, key []byte, log zerolog.Logger) error {
	r.log, r.privacy, r.digest = log, audit.Privacy{Level: c.Record.Numbers, Key: key}, c.Notify.at()
	for _, h := range c.Notify.Hooks {
		hook, err := notify.Open(h.options(log))
		if err != nil {
			return err
		}
		r.hooks = append(r.hooks, hook)
	}
	if len(r.hooks) == 0 {
		return nil
	}
	watch, err := notify.NewWatch(notify.WatchOptions{Send: r.tell, Past: r.pastRefusals(time.Now())})
	if err != nil {
		return err
	}
	r.decided = append(r.decided, watch)
	return nil
}

// tell hands an event to every webhook. It never blocks.
func (n *notifier) tell(e notify.Event) {
	for _, h := range n.hooks {
		h.Send(e)
	}
}

// low tells that a budget is nearly spent; see [juhe.Options].
func (n *notifier) low(period string, spent juhe.Spent) {
	n.tell(notify.Event{Kind: notify.Quota, At: time.Now(), Name: juhe.Name + " " + period, Count: spent.Billed, Limit: spent.Limit})
}

// pastRefusals returns the refusals of the hours before now, the last hour first,
// as far as the database tells at once.
func (r *record) pastRefusals(now time.Time) []int {
	if r.store == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), pastWithin)
	defer cancel()
	const day = 24
	this := now.Truncate(time.Hour)
	hours, err := r.store.Hours(ctx, this.Add(-day*time.Hour), this)
	if err != nil || len(hours) == 0 || hours[0].Start.After(this.Add(-day*time.Hour)) { // what is usual is not known
		return nil
	}
	past := make([]int, day)
	for i := range hours {
		h := &hours[i]
		if ago := int(this.Sub(h.Start)/time.Hour) - 1; refuses(h) && ago >= 0 && ago < day {
			past[ago] += h.Calls
		}
	}
	return past
}

func refuses(h *store.Hour) bool {
	return h.Action == screening.Reject.String() && h.Mode == screening.Enforce.String()
}

// runNotifier sends the digest, and tells when a directory goes and comes, until ctx
// ends.
func (p *process) runNotifier(ctx context.Context, running *sync.WaitGroup) {
	r := p.record
	if len(r.hooks) == 0 {
		return
	}
	if r.digest >= 0 && r.store != nil {
		running.Go(func() { notify.Daily(ctx, r.digest, p.engine.Policy().Zone(), r.sendDigest) })
	}
	running.Go(func() { r.watchDirectories(ctx, p.guarded) })
}

// sendDigest sends the digest of a day.
func (r *record) sendDigest(ctx context.Context, day time.Time) {
	d, err := notify.NewDigest(ctx, &r.store.Reader, day, r.privacy)
	if err != nil {
		r.log.Error().Err(err).Msg("no digest of the day")
		return
	}
	r.tell(notify.Event{Kind: notify.DailyDigest, At: time.Now(), Digest: d})
}

// watchDirectories tells once of every directory that stays away, and once when it is
// back.
func (n *notifier) watchDirectories(ctx context.Context, directories func(func(string, guarded) bool)) {
	down := map[string]bool{}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		for name, d := range directories {
			s := d.State()
			switch {
			case s.Reason == "" && down[name]:
				n.tell(notify.Event{Kind: notify.DirectoryUp, At: time.Now(), Name: name})
				down[name] = false
			case s.Reason != "" && !down[name] && time.Since(s.Since) >= downToldAfter:
				n.tell(notify.Event{Kind: notify.DirectoryDown, At: time.Now(), Name: name, Why: s.Detail})
				down[name] = true
			}
		}
	}
}

// close tries what waits once more.
func (n *notifier) close() error {
	errs := make([]error, len(n.hooks))
	var closing sync.WaitGroup
	for i, h := range n.hooks {
		closing.Go(func() { errs[i] = h.Close() }) // ends within seconds
	}
	closing.Wait()
	return errors.Join(errs...)
}

// counted is how the webhooks fare together.
func (n *notifier) counted() (to string, queued int, sent, lost uint64) {
	for _, h := range n.hooks {
		queued += h.Queued()
		sent += h.Sent()
		lost += h.Lost()
	}
	return "webhooks", queued, sent, lost
}
