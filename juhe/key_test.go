package juhe

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadKey(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	good, empty := write("good", "\ufeff from-file \r\n"), write("empty", " \n")
	write("juhe_key", "from-credential\n")
	tests := []struct {
		name, file, credentials, environment string
		want, err                            string
	}{
		{"nothing", "", "", "", "", "no key"},
		{"file", good, dir, "from-environment", "from-file", ""},
		{"credential", "", dir, "from-environment", "from-credential", ""},
		{"no such credential", "", dir + "/none", " from-environment ", "from-environment", ""},
		{"empty file", empty, dir, "from-environment", "", "key is empty in " + empty},
		{"no such file", dir + "/none", dir, "from-environment", "", "no such file"},
		{"two words", "", "", "two words", "", "not one word of printable ASCII in $CALLSCREEN_JUHE_KEY"},
		{"blank", "", "", " ", "", "key is empty in $CALLSCREEN_JUHE_KEY"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("CREDENTIALS_DIRECTORY", tt.credentials)
			t.Setenv(KeyEnvironment, tt.environment)
			if tt.environment == "" {
				os.Unsetenv(KeyEnvironment)
			}
			got, err := ReadKey(tt.file)
			if got != tt.want || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("ReadKey(%q) = %q, %v; want %q, %s", tt.file, got, err, tt.want, tt.err)
			}
			if (tt.name == "nothing") != errors.Is(err, ErrNoKey) {
				t.Errorf("errors.Is(%v, ErrNoKey) is wrong", err)
			}
		})
	}
}
