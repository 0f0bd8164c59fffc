package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

type thing struct{ N int }

func TestSaveLoad(t *testing.T) {
	f, err := Open(filepath.Join(t.TempDir(), "a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	var got thing
	if err := f.Load("x", &got); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: got %v, want fs.ErrNotExist", err)
	}
	for n := range 3 {
		if err := f.Save("x", thing{n}); err != nil {
			t.Fatal(err)
		}
		if err := f.Load("x", &got); err != nil || got.N != n {
			t.Errorf("got %v, %v, want %d", got, err, n)
		}
	}
	es, err := os.ReadDir(string(f))
	if err != nil || len(es) != 1 {
		t.Errorf("%d files, %v, want only x.json", len(es), err)
	}
}

func TestFailedSaveKeepsTheOld(t *testing.T) {
	f, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Save("x", thing{1}); err != nil {
		t.Fatal(err)
	}
	if err := f.Save("x", func() {}); err == nil {
		t.Error("a function was saved")
	}
	if err := f.Save("no/such", thing{2}); err == nil {
		t.Error("saved outside the folder")
	}
	var got thing
	if err := f.Load("x", &got); err != nil || got.N != 1 {
		t.Errorf("got %v, %v, want the old state", got, err)
	}
	if err := os.WriteFile(f.Path("x"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Load("x", &got); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("spoilt file: got %v", err)
	}
}

// TestKillsLeaveNothingBehind: the beginning of a file that was never renamed is written over.
func TestKillsLeaveNothingBehind(t *testing.T) {
	f, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.Path("x")+".new", []byte(`{"N":12345678`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Save("x", thing{2}); err != nil {
		t.Fatal(err)
	}
	var got thing
	if err := f.Load("x", &got); err != nil || got.N != 2 {
		t.Errorf("got %v, %v, want 2", got, err)
	}
	if es, err := os.ReadDir(string(f)); err != nil || len(es) != 1 {
		t.Errorf("%d files, %v, want one", len(es), err)
	}
}
