package juhe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// Where a key is looked for when no file is named.
const (
	KeyEnvironment = "CALLSCREEN_JUHE_KEY"
	KeyCredential  = "juhe_key" // a file in $CREDENTIALS_DIRECTORY, see systemd.exec(5)
)

// ErrNoKey reports that no key is configured anywhere, which is no reason not to
// run: nothing is looked up then.
var ErrNoKey = errors.New("juhe: no key")

// ReadKey returns the account's key: from file if one is named, else from the
// systemd credential juhe_key, else from the environment. White space around it
// is dropped. The error is ErrNoKey when none of them is there; a place that is
// there but empty, unreadable or no key is an error of its own.
func ReadKey(file string) (string, error) {
	if file != "" {
		return readKeyFile(file)
	}
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); dir != "" {
		key, err := readKeyFile(filepath.Join(dir, KeyCredential))
		if !errors.Is(err, fs.ErrNotExist) {
			return key, err
		}
	}
	if key, ok := os.LookupEnv(KeyEnvironment); ok {
		return trimKey(key, "$"+KeyEnvironment)
	}
	return "", ErrNoKey
}

func readKeyFile(file string) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("juhe: reading key: %w", err)
	}
	return trimKey(string(content), file)
}

func trimKey(raw, place string) (string, error) {
	key := strings.TrimSpace(strings.TrimPrefix(raw, "\ufeff"))
	if err := checkKey(key); err != nil {
		return "", fmt.Errorf("%w in %s", err, place)
	}
	return key, nil
}

// checkKey refuses what cannot be a key, without repeating it.
func checkKey(key string) error {
	if key == "" {
		return errors.New("juhe: key is empty")
	}
	if len(key) > 256 || strings.ContainsFunc(key, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsGraphic(r) || r == ' ' }) {
		return errors.New("juhe: key is not one word of printable ASCII")
	}
	return nil
}
