package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"
)

// configFiles is where the configuration is looked for when none is named.
var configFiles = []string{"callscreen.yaml", "/etc/callscreen/callscreen.yaml"}

// configFlag adds --config to a command.
func configFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "config", "", "configuration `file` (default: the first of "+strings.Join(configFiles, ", ")+")")
	if err := cmd.MarkFlagFilename("config", "yaml", "yml"); err != nil {
		panic(err) // the flag is two lines above
	}
}

// readConfigFile returns the text of the configuration and its file's name:
// that of --config, or the first there is.
func readConfigFile(named string) (file string, text []byte, err error) {
	places := configFiles
	if named != "" {
		places = []string{named}
	}
	for _, file := range places {
		text, err := readText(file)
		if err == nil {
			return file, text, nil
		}
		if named != "" || !errors.Is(err, fs.ErrNotExist) {
			return "", nil, exitWith(exitConfiguration, fmt.Errorf("configuration: %w", err))
		}
	}
	return "", nil, exitWith(exitConfiguration, fmt.Errorf("no configuration: there is no %s: name a file with --config", strings.Join(places, " and no ")))
}

// loadConfig finds, reads and checks the configuration.
func loadConfig(named string) (*config, error) {
	file, text, err := readConfigFile(named)
	if err != nil {
		return nil, err
	}
	return parseConfig(file, text)
}
