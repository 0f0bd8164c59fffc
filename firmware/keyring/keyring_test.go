package keyring_test

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"subrosa/firmware/checkpoint"
	"subrosa/firmware/keyring"
)

func TestKeyring(t *testing.T) {
	dir := t.TempDir()
	if _, err := keyring.Load(dir); !errors.Is(err, keyring.ErrNone) {
		t.Errorf("got %v, want ErrNone", err)
	}
	k, err := keyring.Open(dir, "ratssaal-1", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	again, err := keyring.Open(dir, "ratssaal-1", rand.Reader)
	if err != nil || again.Public != k.Public || again.Private != k.Private {
		t.Errorf("opened again: another key, %v", err)
	}
	if _, err := keyring.Open(dir, "ausschuss-1", rand.Reader); err == nil {
		t.Error("another unit's key: no error")
	}
	if fi, err := os.Stat(filepath.Join(dir, keyring.KeyFile)); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	expectPin(t, dir, k)

	next, err := keyring.Next(dir, rand.Reader)
	if err != nil || next.Public == k.Public || next.Unit != k.Unit {
		t.Fatalf("next: %+v, %v", next, err)
	}
	if same, err := keyring.Next(dir, rand.Reader); err != nil || same.Public != next.Public {
		t.Errorf("a begun rotation is begun anew: %v", err)
	}
	if now, err := keyring.Load(dir); err != nil || now.Public != k.Public {
		t.Errorf("the key changed too early: %v", err)
	}
	if _, err := keyring.Adopt(dir); err != nil {
		t.Fatal(err)
	}
	now, err := keyring.Load(dir)
	if err != nil || now.Public != next.Public {
		t.Errorf("adopted: %v", err)
	}
	expectPin(t, dir, now)
	if _, err := keyring.Adopt(dir); !errors.Is(err, keyring.ErrNone) {
		t.Errorf("twice: %v", err)
	}
}

func expectPin(t *testing.T, dir string, k keyring.Key) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, keyring.PinFile))
	if err != nil {
		t.Fatal(err)
	}
	if pin, err := checkpoint.ParsePin(b); err != nil || !pin.Fits(k.Public) {
		t.Errorf("pin %q, %v", b, err)
	}
}

func TestSpoiltKey(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, keyring.KeyFile), []byte("PRIVATE+KEY+x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := keyring.Open(dir, "ratssaal-1", rand.Reader); err == nil || errors.Is(err, keyring.ErrNone) {
		t.Errorf("got %v: a spoilt key must not be replaced by another", err)
	}
}
