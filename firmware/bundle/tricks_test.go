package bundle_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"subrosa/firmware/bundle"
)

// TestTricks: ZIPs that another program would write, or that want to play one.
func TestTricks(t *testing.T) {
	u := newUnit(t)
	u.add(3)
	names, parts := unzip(t, u.write(time.Time{}, time.Time{}))
	trust := bundle.Trust{Pin: pin(t, u.public)}
	build := func(more func(z *zip.Writer)) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, n := range names {
			w, err := z.CreateHeader(&zip.FileHeader{Name: n, Method: zip.Store})
			if err == nil {
				_, err = w.Write(parts[n])
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		more(z)
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	put := func(h zip.FileHeader, data []byte) func(*zip.Writer) {
		return func(z *zip.Writer) {
			w, err := z.CreateHeader(&h)
			if err == nil {
				_, err = w.Write(data)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	expect(t, build(func(*zip.Writer) {}), trust, bundle.Altered, "container-altered") // packed again by another program
	for name, more := range map[string]func(*zip.Writer){
		"compressed":     put(zip.FileHeader{Name: "proofs/1.tlog-proof", Method: zip.Deflate}, make([]byte, 50<<20)),
		"in a folder":    put(zip.FileHeader{Name: "november/entries.jsonl"}, nil),
		"absolute":       put(zip.FileHeader{Name: "/entries.jsonl"}, nil),
		"folder":         put(zip.FileHeader{Name: "proofs/"}, nil),
		"macOS":          put(zip.FileHeader{Name: "__MACOSX/._entries.jsonl"}, []byte("x")),
		"macOS's window": put(zip.FileHeader{Name: ".DS_Store"}, []byte("x")),
	} {
		t.Run(name, func(t *testing.T) {
			b := build(more)
			expect(t, b, trust, bundle.Incomplete, "repacked")
			r := bundle.Verify(b, trust)
			if de, en := r.Text("de"), r.Text("en"); !strings.Contains(de, "neu gepackt") || strings.Contains(de, "not ") || !strings.Contains(en, "packed again") {
				t.Errorf("German people read %q, others %q", de, en)
			}
		})
	}
	for name, more := range map[string]func(*zip.Writer){
		"duplicate":   put(zip.FileHeader{Name: "entries.jsonl"}, nil),
		"path":        put(zip.FileHeader{Name: "../../etc/cron.d/x"}, nil),
		"backslash":   put(zip.FileHeader{Name: `proofs\1.tlog-proof`}, nil),
		"proof path":  put(zip.FileHeader{Name: "proofs/../1.tlog-proof"}, nil),
		"case":        put(zip.FileHeader{Name: "ENTRIES.JSONL"}, nil),
		"empty name":  put(zip.FileHeader{Name: ""}, nil),
		"many files":  func(z *zip.Writer) { manyFiles(t, z) },
		"nested name": put(zip.FileHeader{Name: "a/b/c/d"}, []byte("x")),
	} {
		t.Run(name, func(t *testing.T) { expect(t, build(more), trust, bundle.Incomplete, "unreadable") })
	}
	for _, b := range [][]byte{nil, []byte("PK"), []byte("hello"), make([]byte, 1<<16)} {
		expect(t, b, trust, bundle.Incomplete, "unreadable")
	}
}

func manyFiles(t testing.TB, z *zip.Writer) {
	for n := range 60_010 {
		if _, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf("proofs/%d.tlog-proof", n+100), Method: zip.Store}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUnzip: people can open a bundle, and check the manifest, with other programs.
func TestUnzip(t *testing.T) {
	u := newUnit(t)
	u.add(3)
	b := u.write(time.Time{}, time.Time{})
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("no python3")
	}
	name := filepath.Join(t.TempDir(), "b.zip")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("python3", "-c", `
import sys, zipfile, hashlib
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
for l in z.read("MANIFEST").decode().split("\n\n")[0].split("\n")[2:]:
    s, n = l.split("  ")
    assert hashlib.sha256(z.read(n)).hexdigest() == s, n
print("ok", len(z.namelist()))`, name).CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "ok 8") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestEmptyTime(t *testing.T) {
	u := newUnit(t)
	u.add(3)
	if _, err := bundle.Write(io.Discard, u.j, u.options(at(500), at(600), u.checkpoint())); err == nil {
		t.Error("no error")
	}
}

// FuzzVerify: whatever is read, nothing panics, and only the bundle itself is intact.
func FuzzVerify(f *testing.F) {
	u, first, early := council(f)
	b := u.write(at(4), at(12))
	trust := bundle.Trust{Pin: pin(f, first), Anchors: [][]byte{early}}
	f.Add(b, []byte{}, uint32(0))
	f.Add(b[:len(b)/2], early, uint32(9))
	f.Add([]byte{}, []byte(`{"seq":5,"entry":{}}`), uint32(300))
	f.Fuzz(func(t *testing.T, x, patch []byte, at uint32) {
		if r := bundle.Verify(x, trust); r.Verdict == bundle.Intact && !bytes.Equal(x, b) {
			t.Fatalf("another bundle is intact")
		} else if r.Text("de") == "" {
			t.Fatal("no words")
		}
		// The same inside a part, behind a manifest that the room key has signed.
		names, parts := unzip(t, b)
		name := names[1+int(at%uint32(len(names)-1))]
		part := parts[name]
		i := int(at/16) % (len(part) + 1)
		parts[name] = slices.Concat(part[:i], patch, part[min(len(part), i+len(patch)):])
		if bytes.Equal(parts[name], part) {
			return
		}
		w := *u
		w.t = t
		if r := bundle.Verify(w.forge(names, parts), trust); r.Verdict == bundle.Intact && name != "keys" && name != "bundle.json" {
			t.Fatalf("%s changed to %q: intact", name, parts[name])
		}
	})
}
