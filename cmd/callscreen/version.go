package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is what this binary was made of.
type version struct {
	Version  string `json:"version"`            // "v1.2.3"; "(devel)" outside a release
	Revision string `json:"revision,omitempty"` // of the source, with + when it was changed since
	Go       string `json:"go"`
	Platform string `json:"platform"` // "linux/amd64"
}

func newVersion() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version of this program",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := thisVersion()
			if asJSON {
				return printJSON(cmd.OutOrStdout(), v)
			}
			return v.print(cmd.OutOrStdout())
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

func thisVersion() version {
	v := version{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version = cmp.Or(info.Main.Version, v.Version)
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			v.Revision = s.Value[:min(12, len(s.Value))] + v.Revision
		case s.Key == "vcs.modified" && s.Value == "true":
			v.Revision += "+"
		}
	}
	return v
}

func (v version) print(w io.Writer) error {
	revision := ""
	if v.Revision != "" {
		revision = "revision " + v.Revision + ", "
	}
	_, err := fmt.Fprintf(w, "callscreen %s (%s%s, %s)\n", v.Version, revision, v.Go, v.Platform)
	return err
}
