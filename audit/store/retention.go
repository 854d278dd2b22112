package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"callscreen/audit"
)

const (
	pruneMost  = 1000 // calls deleted at once, so that new ones get in between
	prunePause = 20 * time.Millisecond
)

// retain deletes old calls, every day until ctx ends.
func (s *Store) retain(ctx context.Context, keep time.Duration) {
	audit.Retain(ctx, s.log, func(now time.Time) {
		if n, err := s.Prune(ctx, now.Add(-keep)); err != nil {
			s.note(err)
		} else if n > 0 {
			s.log.Info().Msg(fmt.Sprintf("%d calls older than %v deleted", n, keep))
		}
	})
}

// Prune deletes the calls before a time, and what is counted of their hours. It
// returns how many calls it deleted.
func (s *Store) Prune(ctx context.Context, before time.Time) (deleted int64, err error) {
	db, err := s.database.open(mending)
	if err != nil {
		return 0, err
	}
	defer db.Close()
	at := micros(before)
	for {
		n, err := affected(db.ExecContext(ctx, "DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE at < $1 ORDER BY at, id LIMIT $2)", at, pruneMost))
		deleted += n
		if err != nil {
			return deleted, fmt.Errorf("store: deleting old calls: %w", err)
		}
		if n < pruneMost {
			break
		}
		select {
		case <-time.After(prunePause):
		case <-ctx.Done():
			return deleted, ctx.Err()
		}
	}
	_, err = db.ExecContext(ctx, "DELETE FROM hours WHERE hour < $1", hourOf(before))
	if err == nil {
		_, err = db.ExecContext(ctx, "DELETE FROM writers WHERE at < $1", at)
	}
	if err != nil {
		return deleted, fmt.Errorf("store: deleting old hours: %w", err)
	}
	return deleted, s.database.optimize(ctx, db)
}

// optimize has SQLite find out by which index it finds what, as PostgreSQL does by
// itself. It samples the tables that changed much, for some tenths of a second.
func (d database) optimize(ctx context.Context, db *sql.DB) error {
	if d.file == "" {
		return nil
	}
	if _, err := db.ExecContext(ctx, "PRAGMA analysis_limit(200); PRAGMA optimize(0x10002)"); err != nil {
		return fmt.Errorf("store: optimizing: %w", err)
	}
	return nil
}

func affected(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}
