package follow

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if code, staged := Stage(); staged {
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// files writes two files and returns a watch of them.
func files(t *testing.T) (*Watch, string, string) {
	t.Helper()
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	write(t, a, "one")
	write(t, b, "key")
	return &Watch{Set: Set{Name: "pair", Paths: []string{a, b}}}, a, b
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replace is how editors and ACME clients write.
func replace(t *testing.T, path, text string) {
	t.Helper()
	write(t, path+".new", text)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func text(n *News) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprintf("%s %q %s", n.Name, n.Contents, n.Err)
}

func TestLook(t *testing.T) {
	w, a, b := files(t)
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	look := func(want string) {
		t.Helper()
		now = now.Add(Every)
		if got := text(w.Look(now)); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	look("-")
	look(`pair ["one" "key"] `)
	look("-")

	write(t, a, "two!")
	look("-")
	write(t, a, "two!!") // still being written
	look("-")
	look(`pair ["two!!" "key"] `)

	st, err := os.Stat(a)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, a, "TWO!!") // as long as before, and of the same time
	if err := os.Chtimes(a, st.ModTime(), st.ModTime()); err != nil {
		t.Fatal(err)
	}
	look("-")
	look(`pair ["TWO!!" "key"] `)

	replace(t, b, "key") // another file with the same in it
	look("-")
	look("-")

	if err := os.Remove(b); err != nil {
		t.Fatal(err)
	}
	look("-")
	look("pair [] no such file or directory")
	look("-")
	replace(t, b, "key")
	look("-")
	look(`pair ["TWO!!" "key"] `) // told again, for what was wrong is over

	if st, err = os.Stat(a); err != nil {
		t.Fatal(err)
	}
	write(t, a, "tWo!!") // in place, and nothing to be seen from outside
	if err := os.Chtimes(a, st.ModTime(), st.ModTime()); err != nil {
		t.Fatal(err)
	}
	look("-")
	now = now.Add(Anew)
	look(`pair ["tWo!!" "key"] `)
}

// TestLinks: what a certificate's client links to anew is seen.
func TestLinks(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "cert1"), "one")
	write(t, filepath.Join(dir, "cert2"), "two")
	link := filepath.Join(dir, "cert")
	if err := os.Symlink("cert1", link); err != nil {
		t.Fatal(err)
	}
	w := &Watch{Set: Set{Name: "c", Paths: []string{link}}}
	now := time.Now()
	w.Look(now)
	if got := text(w.Look(now.Add(Every))); got != `c ["one"] ` {
		t.Fatal(got)
	}
	if err := os.Symlink("cert2", link+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+".new", link); err != nil {
		t.Fatal(err)
	}
	w.Look(now.Add(2 * Every))
	if got := text(w.Look(now.Add(3 * Every))); got != `c ["two"] ` {
		t.Error(got)
	}
}

func TestTooLarge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	write(t, path, "")
	if err := os.Truncate(path, MaxFile+1); err != nil {
		t.Fatal(err)
	}
	w := &Watch{Set: Set{Paths: []string{path}}}
	now := time.Now()
	w.Look(now)
	if n := w.Look(now.Add(Every)); n == nil || !strings.Contains(n.Err, "larger") || n.Contents != nil {
		t.Error(text(n))
	}
}

// TestProcess: the process tells what is there and what changes, and ends when its input does.
func TestProcess(t *testing.T) {
	w, a, _ := files(t)
	f, err := Start([]Set{w.Set})
	if err != nil {
		t.Fatal(err)
	}
	news := make(chan string, 8)
	ended := make(chan error, 1)
	go func() {
		for {
			n, err := f.Next()
			if err != nil {
				ended <- err
				return
			}
			news <- text(&n)
		}
	}()
	next := func(want string) {
		t.Helper()
		select {
		case got := <-news:
			if got != want {
				t.Fatalf("got %s, want %s", got, want)
			}
		case err := <-ended:
			t.Fatal("it has ended", err)
		case <-time.After(30 * time.Second):
			t.Fatal("nothing is told")
		}
	}
	next(`pair ["one" "key"] `)
	replace(t, a, "two")
	next(`pair ["two" "key"] `)
	if err := f.life.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if !slices.Contains([]string{"follow: EOF", "follow: unexpected EOF"}, err.Error()) {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Error("it looks on though nobody reads")
	}
	f.pipe.Close()
}
