package main

import (
	"context"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/rs/zerolog"
)

// manager is the service manager that started the process, or nobody: then what
// it is told goes nowhere. See sd_notify(3).
type manager struct{ log zerolog.Logger }

func (m manager) tell(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		m.log.Warn().Err(err).Msg("the service manager cannot be told")
	}
}

func (m manager) ready(status string) { m.tell(daemon.SdNotifyReady + "\nSTATUS=" + status) }

// reloading must be followed by ready.
func (m manager) reloading() {
	m.tell(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec() + "STATUS=reading the policy again")
}

func (m manager) stopping(status string) { m.tell(daemon.SdNotifyStopping + "\nSTATUS=" + status) }

// watch lets the manager's watchdog know that the process works, until ctx ends.
// While something is stuck it does not, and the watchdog may bite.
func (m manager) watch(ctx context.Context, stuck func() error) {
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		m.log.Error().Err(err).Msg("no watchdog")
	}
	if limit == 0 {
		return
	}
	look := time.NewTicker(limit / 3)
	defer look.Stop()
	for {
		if err := stuck(); err != nil {
			m.log.Error().Err(err).Msg("stuck: the watchdog is not told")
		} else {
			m.tell(daemon.SdNotifyWatchdog)
		}
		select {
		case <-ctx.Done():
			return
		case <-look.C:
		}
	}
}
