package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"
)

// writeCertificates writes ca.pem, and cert.pem with key.pem, which are good for
// every address of the blocks and for ::1.
func writeCertificates(dir string, blocks ...func(host byte) netip.Addr) error {
	hour := time.Hour
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "e2e authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-hour), NotAfter: time.Now().Add(24 * hour), KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: authority.NotBefore, NotAfter: authority.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}, IPAddresses: []net.IP{net.IPv6loopback},
	}
	for _, addr := range blocks {
		for host := range 254 {
			leaf.IPAddresses = append(leaf.IPAddresses, addr(byte(1+host)).AsSlice())
		}
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	key, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err := errors.Join(err, err2); err != nil {
		return err
	}
	ca, err := x509.CreateCertificate(rand.Reader, authority, authority, caKey.Public(), caKey)
	cert, err2 := x509.CreateCertificate(rand.Reader, leaf, authority, key.Public(), caKey)
	raw, err3 := x509.MarshalPKCS8PrivateKey(key)
	return errors.Join(err, err2, err3,
		writePEM(filepath.Join(dir, "ca.pem"), "CERTIFICATE", ca),
		writePEM(filepath.Join(dir, "cert.pem"), "CERTIFICATE", cert),
		writePEM(filepath.Join(dir, "key.pem"), "PRIVATE KEY", raw))
}

func writePEM(file, kind string, der []byte) error {
	return os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
