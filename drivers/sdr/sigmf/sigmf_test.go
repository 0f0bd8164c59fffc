package sigmf

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/sdrtest"
)

const meta = `{"global":{"core:datatype":"ci8","core:sample_rate":1000,"core:version":"1.2.0"},
	"captures":[{"core:sample_start":0,"core:frequency":433920000}]}`

var (
	format = sdr.Format{Rate: 1000, Centre: 433.92e6}
	data   = []byte{64, 0, 0, 64, 0xC0, 0, 0, 0xC0, 32, 32}
	want   = []complex64{0.5, 0.5i, -0.5, -0.5i, 0.25 + 0.25i}
)

// folder makes files and returns the path of the first.
func folder(t testing.TB, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, files[0])
}

// archive makes a tar file of names and contents.
func archive(t testing.TB, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		h := &tar.Header{Name: files[i], Mode: 0o600, Size: int64(len(files[i+1])), Typeflag: tar.TypeReg}
		if strings.HasSuffix(files[i], "/") {
			h.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, files[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func opener(path string, hint sdr.Format) func(testing.TB) sdr.Source {
	return func(tb testing.TB) sdr.Source {
		r, err := Open(path, hint)
		if err != nil {
			tb.Fatal(err)
		}
		return r
	}
}

func TestOpen(t *testing.T) {
	gapped := strings.Replace(meta, `{"core:sample_start":0,`, `{"core:sample_start":0,"core:global_index":70},{"core:sample_start":2,"core:global_index":172,`, 1)
	around := strings.Replace(strings.Replace(meta, `"core:sample_start":0,`, `"core:sample_start":0,"core:header_bytes":4,`, 1),
		`"core:version"`, `"core:dataset":"y.iq","core:trailing_bytes":1,"core:version"`, 1)
	for _, tt := range []struct {
		name  string
		files []string
		hint  sdr.Format
		want  sdrtest.Want
	}{
		{"by its metadata", []string{"x.sigmf-meta", meta, "x.sigmf-data", string(data)}, sdr.Format{},
			sdrtest.Want{Format: format, Samples: want}},
		{"by its data", []string{"x.sigmf-data", string(data), "x.sigmf-meta", meta}, sdr.Format{},
			sdrtest.Want{Format: format, Samples: want}},
		{"hint first", []string{"x.sigmf-data", string(data), "x.sigmf-meta", meta}, sdr.Format{Rate: 7, Centre: 9},
			sdrtest.Want{Format: sdr.Format{Rate: 7, Centre: 9}, Samples: want}},
		{"odd length", []string{"x.sigmf-meta", meta, "x.sigmf-data", string(data[:9])}, sdr.Format{},
			sdrtest.Want{Format: format, Samples: want[:4], End: io.ErrUnexpectedEOF}},
		{"gap", []string{"x.sigmf-meta", gapped, "x.sigmf-data", string(data)}, sdr.Format{},
			sdrtest.Want{Format: format, Samples: want, Gaps: map[int64]int64{2: 100}}},
		{"own dataset, header and trailer", []string{"x.sigmf-meta", around, "y.iq", "HEAD" + string(data) + "T"}, sdr.Format{},
			sdrtest.Want{Format: format, Samples: want}},
		{"archive", []string{"x.sigmf", archive(t, "x/", "", "x/x.sigmf-meta", meta, "x/x.sigmf-data", string(data))}, sdr.Format{},
			sdrtest.Want{Format: format, Samples: want}},
		{"archive, data first", []string{"x.sigmf", archive(t, "x/x.sigmf-data", string(data), "x/x.sigmf-meta", meta)}, sdr.Format{},
			sdrtest.Want{Format: format, Samples: want}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sdrtest.Run(t, opener(folder(t, tt.files...), tt.hint), tt.want)
		})
	}
}

func TestOpenErrors(t *testing.T) {
	late := strings.Replace(meta, `{"core:sample_start":0,`, `{"core:sample_start":0},{"core:sample_start":6,"core:global_index":6,`, 1)
	long := strings.Replace(meta, `"core:version"`, `"core:trailing_bytes":11,"core:version"`, 1)
	slow := strings.Replace(meta, `"core:sample_rate":1000,`, ``, 1)
	elsewhere := strings.Replace(meta, `"core:version"`, `"core:dataset":"y.iq","core:version"`, 1)
	for _, tt := range []struct {
		name  string
		files []string
		want  string
	}{
		{"no metadata", []string{"x.sigmf-data", string(data)}, "no such file"},
		{"no data", []string{"x.sigmf-meta", meta}, "no such file"},
		{"no rate", []string{"x.sigmf-meta", slow, "x.sigmf-data", string(data)}, sdr.ErrNoRate.Error()},
		{"capture behind the data", []string{"x.sigmf-meta", late, "x.sigmf-data", string(data)}, "starts at sample 6"},
		{"trailer longer than the data", []string{"x.sigmf-meta", long, "x.sigmf-data", string(data)}, "11 after"},
		{"not JSON", []string{"x.sigmf-meta", "hello", "x.sigmf-data", string(data)}, "metadata: invalid"},
		{"not an archive", []string{"x.sigmf", strings.Repeat("hello", 200)}, "archive: "},
		{"archive without data", []string{"x.sigmf", archive(t, "x.sigmf-meta", meta)}, "no .sigmf-data"},
		{"archive without metadata", []string{"x.sigmf", archive(t, "x.sigmf-data", string(data))}, "no .sigmf-meta"},
		{"archive of two", []string{"x.sigmf", archive(t, "x.sigmf-meta", meta, "x.sigmf-data", string(data), "y.sigmf-meta", meta)}, "several"},
		{"archive leads outside", []string{"x.sigmf", archive(t, "x.sigmf-meta", elsewhere, "x.sigmf-data", string(data))}, "outside the archive"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := folder(t, tt.files...)
			_, err := Open(path, sdr.Format{})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want an error with %q and the file's name", err, tt.want)
			}
		})
	}
}

func TestReadErrorNamesFile(t *testing.T) {
	path := folder(t, "x.sigmf-meta", meta, "x.sigmf-data", "\x01")
	_, _, err := opener(path, sdr.Format{})(t).Read(make([]complex64, 1))
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want %v naming %s", err, io.ErrUnexpectedEOF, path)
	}
}

func FuzzArchive(f *testing.F) {
	f.Add([]byte(archive(f, "x/x.sigmf-meta", meta, "x/x.sigmf-data", string(data))))
	f.Add([]byte(archive(f, "x.sigmf-data", string(data), "x.sigmf-meta", meta)))
	path := filepath.Join(f.TempDir(), "x.sigmf")
	x := make([]complex64, 100)
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := Open(path, sdr.Format{})
		if err != nil {
			return
		}
		defer r.Close()
		for total, err := 0, error(nil); err == nil; {
			var n int
			_, n, err = r.Read(x)
			if total += n; total > len(b) {
				t.Fatalf("%d samples from %d bytes", total, len(b))
			}
		}
	})
}
