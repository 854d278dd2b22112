package guard

import (
	"context"
	"time"

	"github.com/rs/zerolog"
)

// KeepWarm calls warm, which opens a connection to the directory of that name or
// uses one, at once and then often enough to keep it open, until ctx ends: servers
// close those that carry nothing, most of them after a minute. That the directory
// cannot be reached is logged once until it can.
func KeepWarm(ctx context.Context, name string, warm func(context.Context) error, log zerolog.Logger) {
	tick := time.NewTicker(50 * time.Second)
	defer tick.Stop()
	for reached := true; ; {
		once, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := warm(once)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && reached:
			log.Warn().Str("err", err.Error()).Msg(name + " cannot be reached")
		case err == nil && !reached:
			log.Info().Msg(name + " can be reached again")
		}
		reached = err == nil
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}
