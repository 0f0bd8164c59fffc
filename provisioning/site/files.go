package site

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// vacant returns an error unless dir is missing or an empty directory.
func vacant(dir string) error {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("site: %w: %w", ErrExists, err)
	case len(entries) > 0:
		return fmt.Errorf("site: %s %w", dir, ErrExists)
	}
	return nil
}

// readPair reads the certificate and key of a bundle; that they belong together is checked.
func readPair(dir string) (*x509.Certificate, crypto.Signer, error) {
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		return nil, nil, err
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, nil, fmt.Errorf("%s: the key cannot sign", dir)
	}
	return pair.Leaf, key, nil
}

// writeFile makes or replaces the file in one step: whoever reads it sees the old or the new content, whole.
func writeFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".new-") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// replaceDir makes or replaces the directory with the given files. Two renames are needed where it exists; what a
// crash between them leaves behind is put right by heal.
func replaceDir(dir string, files map[string][]byte) error {
	parent, base := filepath.Split(dir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	stage, err := os.MkdirTemp(parent, "."+base+".new-") // mode 0700
	if err != nil {
		return err
	}
	defer os.RemoveAll(stage)
	for name, b := range files {
		if err := writeFile(filepath.Join(stage, name), b); err != nil {
			return err
		}
	}
	old := filepath.Join(parent, "."+base+".old")
	if err := os.RemoveAll(old); err != nil {
		return err
	}
	if err := os.Rename(dir, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := moveDir(stage, dir); err != nil {
		return errors.Join(err, os.Rename(old, dir))
	}
	return os.RemoveAll(old)
}

// moveDir renames a directory durably.
func moveDir(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return syncDir(filepath.Dir(to))
}

// heal finishes or undoes what an interrupted replaceDir left below dir, and removes its leftovers.
func heal(dir string) error {
	var errs []error
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name := d.Name()
		if err != nil || path == dir || !strings.HasPrefix(name, ".") {
			return err
		}
		target := filepath.Join(filepath.Dir(path), strings.TrimSuffix(name[1:], ".old"))
		if _, err := os.Lstat(target); strings.HasSuffix(name, ".old") && errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, os.Rename(path, target))
		} else if strings.HasSuffix(name, ".old") || strings.Contains(name, ".new-") {
			errs = append(errs, os.RemoveAll(path))
		}
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
	if err := errors.Join(append(errs, err)...); err != nil {
		return fmt.Errorf("site: %w", err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
