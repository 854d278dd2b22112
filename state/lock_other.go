//go:build !unix

package state

// Lock does nothing: here the process alone writes.
func Lock(string) (unlock func() error, err error) { return func() error { return nil }, nil }
