package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Files of TLS that cannot be used are told with the place that names them.
func TestTLSFilesAreChecked(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "cert.pem"), []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	const text = "listen: [{address: [\"udp:127.0.0.1:0\", \"tls:127.0.0.1:0\"], tls: {cert: cert.pem, key: key.pem}}]\n" + examples
	c := mustConfig(t, filepath.Join(dir, "callscreen.yaml"), text)
	err := c.certificates()
	if err == nil || !strings.HasPrefix(err.Error(), c.file+":1:65: tls: certificate: ") {
		t.Errorf("certificates = %v, want what is wrong at line 1, column 65", err)
	}
	var r report
	r.installation(c.file, []byte(text))
	if err := r.verdict(); err == nil || !strings.Contains(err.Error(), ":1:65: tls: certificate: ") {
		t.Errorf("check = %v", err)
	}
}
