package main

import (
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"callscreen/screening"
)

// keeper keeps the policy in force as its files are: the policy with the lists and
// calendars that it names, and the lists that commands write. Each of the two is
// read whole or stays as it was, and what comes of both is put in force in one step.
type keeper struct {
	c     *config
	lists stateLists
	use   func(*screening.Policy) // puts a policy in force
	log   zerolog.Logger

	mu    sync.Mutex        // one policy is built at a time, so that the last one read stays
	base  *screening.Policy // without the lists of commands
	texts lastGood          // what base was made of
	pair  listPair
	wrong [2]error // with the policy's files and with the lists, as they are now
	read  sums     // of all files, when they were last read

	now       atomic.Pointer[standing]
	good, bad atomic.Uint64 // how often the files were read again
}

// standing is how the policy stands.
type standing struct {
	policy *screening.Policy // in force
	since  time.Time         // it is
	wrong  []error           // with the files as they are now; nil: they are in force
	found  time.Time         // when that was found
}

// newKeeper reads the policy. One that is wrong is said to be, and the one that was last
// good holds; without it the error comes back. Lists of commands that are wrong are left out.
func newKeeper(c *config, log zerolog.Logger) (*keeper, error) {
	k := &keeper{c: c, lists: c.lists(), use: func(*screening.Policy) {}, log: log, read: sums{}}
	if err := k.load(); k.base == nil {
		return nil, err
	}
	k.complain("policy not in force as it is written")
	k.warn(k.pair.on(k.base))
	k.stand(k.pair.on(k.base))
	return k, nil
}

// policy returns the one in force.
func (k *keeper) policy() *screening.Policy { return k.now.Load().policy }

// reload puts the policy in force as its files are now. What is wrong with them is
// logged too, and keeps in force what was.
func (k *keeper) reload() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.again()
}

// refresh is reload if one of the files has changed since it was read, which it reports.
func (k *keeper) refresh() (changed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if changed = k.read.stale(); changed {
		_ = k.again() // logged
	}
	return changed
}

// change changes the lists that commands write, and puts them in force.
func (k *keeper) change(ch listChange) (done listChanged, err error) {
	if ch.habits, err = k.c.habits(ch.Number, ch.Trunk); err != nil {
		return done, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	read := sums{}
	done, pair, err := k.lists.change(k.base, ch, time.Now(), read)
	if err != nil {
		return done, err
	}
	maps.Copy(k.read, read)
	k.pair, k.wrong[1] = pair, nil
	k.log.Info().Str("from", screening.Number{Digits: done.form}.Masked()).Msg(done.happened())
	k.enforce(pair.on(k.base))
	return done, nil
}

// again reads the files again, and puts in force what is new.
func (k *keeper) again() error {
	err := k.load()
	p := k.pair.on(k.base)
	switch {
	case err == nil:
		k.good.Add(1)
		k.warn(p)
		k.enforce(p)
		k.save()
		return nil
	case p.Revision() != k.policy().Revision():
		k.enforce(p)
	default:
		k.stand(k.policy())
	}
	k.bad.Add(1)
	k.complain("policy not reloaded")
	return err
}

// load reads all files. Of those that are wrong what was read before stays.
func (k *keeper) load() error {
	read := sums{}
	texts := lastGood{}
	base, err := k.c.policy(texts.of(read.file))
	if k.wrong[0] = err; err == nil {
		k.base, k.texts, k.read = base, texts, sums{}
	}
	if k.base == nil {
		k.fallBack()
	}
	if k.base == nil {
		return err
	}
	pair, err := k.lists.read(k.base.Zone(), read)
	if k.wrong[1] = err; err == nil {
		k.pair = pair
	}
	maps.Copy(k.read, read)
	return errors.Join(k.wrong[:]...)
}

// fallBack takes the policy that was last good.
func (k *keeper) fallBack() {
	old, err := k.c.lastGood()
	if err != nil {
		k.log.Error().Err(err).Msg("the policy that was last in force cannot be had")
		return
	}
	k.base = old
}

// save keeps the policy in force for the next process.
func (k *keeper) save() {
	if k.wrong[0] != nil {
		return
	}
	if err := k.c.keepGood(k.texts); err != nil {
		k.log.Warn().Err(err).Msg("policy not saved: the next process cannot begin with a broken one")
	}
}

// enforce puts a policy in force.
func (k *keeper) enforce(p *screening.Policy) {
	k.use(p)
	k.log.Info().Msg("policy in force: " + describePolicy(p))
	k.stand(p)
}

// stand notes how things stand with p in force.
func (k *keeper) stand(p *screening.Policy) {
	s := &standing{policy: p, since: time.Now(), wrong: k.faults()}
	if old := k.now.Load(); old != nil && old.policy == p {
		s.since = old.since
	}
	if s.wrong != nil {
		s.found = time.Now()
	}
	k.now.Store(s)
}

// faults returns everything that is wrong with the files.
func (k *keeper) faults() []error { return append(single(k.wrong[0]), single(k.wrong[1])...) }

func (k *keeper) complain(what string) {
	for _, one := range k.faults() {
		k.log.Error().Err(one).Msg(what)
	}
}

// warn logs what is odd about a policy that is to be in force.
func (k *keeper) warn(p *screening.Policy) {
	for _, odd := range p.Warnings(time.Now()) {
		k.log.Warn().Err(odd).Msg("policy is odd")
	}
}
