package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"callscreen/audit/store"
)

func newAudit() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "Ask the record who called, what was decided and why",
		Long: "Reads the database that the configuration names under record; callscreen may be running or not.\n" +
			"Times are those of this machine; TZ=Asia/Shanghai in front of the command makes them Chinese time.\n\n" +
			"Exit code 4: no call is found.",
	}
	cmd.AddCommand(newAuditTail(), newAuditSearch(), newAuditShow(), newAuditExport(), newAuditStats(), newAuditErase())
	return cmd
}

// errNoCall says that the record holds no call that was asked for.
var errNoCall = exitWith(exitNothingFound, errors.New("no such call in the record"))

// openReader opens the database of the record for questions.
func (c *config) openReader() (*store.Reader, error) {
	if !c.Record.database() {
		return nil, exitWith(exitConfiguration, fmt.Errorf("%s keeps no database: write database: sqlite under record", c.file))
	}
	key, err := os.ReadFile(c.recordKeyPath())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("record: %w", err)
	}
	r, err := store.OpenReader(c.store(key, zerolog.Nop()))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoCall
	}
	return r, err
}

// reading gives do the record of a configuration and the trunk's habits to read
// numbers by.
func reading(file string, do func(*config, *store.Reader) error) error {
	c, err := loadConfig(file)
	if err != nil {
		return err
	}
	r, err := c.openReader()
	if err != nil {
		return err
	}
	return errors.Join(do(c, r), r.Close())
}
