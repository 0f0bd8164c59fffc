package sigmf

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/iqfile"
)

// Endings of file names.
const (
	metaEnding    = ".sigmf-meta"
	dataEnding    = ".sigmf-data"
	archiveEnding = ".sigmf"
)

// maxMeta bounds the metadata, annotations included, that is read into memory.
const maxMeta = 16 << 20

// Known reports whether path ends as one of a recording's files.
func Known(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case metaEnding, dataEnding, archiveEnding:
		return true
	}
	return false
}

// Reader is an sdr.Source over a recording. The stream index starts at 0 with the file's first sample and
// jumps where captures say (core:global_index) that samples are missing.
type Reader struct {
	name     string // of the file, for errors
	samples  *iqfile.Reader
	segments []Segment
}

// Open opens the recording of which path names either file or the archive. Rate and centre of hint, where
// not 0, override the metadata's. Without a rate it fails with sdr.ErrNoRate.
func Open(path string, hint sdr.Format) (*Reader, error) {
	var r *Reader
	var err error
	if strings.EqualFold(filepath.Ext(path), archiveEnding) {
		r, err = openArchive(path, hint)
	} else {
		r, err = openPair(path, hint)
	}
	if err != nil {
		return nil, fmt.Errorf("sigmf: %s: %w", path, err)
	}
	r.name = path
	return r, nil
}

func openPair(path string, hint sdr.Format) (*Reader, error) {
	stem := strings.TrimSuffix(path, filepath.Ext(path))
	f, err := os.Open(stem + metaEnding)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := readMeta(f)
	if err != nil {
		return nil, err
	}
	data := stem + dataEnding
	if m.Dataset != "" {
		data = filepath.Join(filepath.Dir(path), m.Dataset)
	}
	samples, err := os.Open(data)
	if err != nil {
		return nil, err
	}
	info, err := samples.Stat()
	if err == nil {
		var r *Reader
		if r, err = newReader(m, hint, samples, samples, info.Size()); err == nil {
			return r, nil
		}
	}
	samples.Close()
	return nil, err
}

func openArchive(path string, hint sdr.Format) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := readArchive(f, hint)
	if err != nil {
		f.Close()
		return nil, err
	}
	return r, nil
}

// readArchive goes over the archive twice, as the metadata may come after the samples.
func readArchive(f *os.File, hint sdr.Format) (*Reader, error) {
	in := tar.NewReader(f)
	if _, err := seekEntry(in, metaEnding); err != nil {
		return nil, err
	}
	m, err := readMeta(in)
	if err != nil {
		return nil, err
	}
	if m.Dataset != "" {
		return nil, fmt.Errorf("metadata: dataset %q is outside the archive", m.Dataset)
	}
	if _, err := seekEntry(in, metaEnding); err == nil {
		return nil, errors.New("archives of several recordings are not read")
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	in = tar.NewReader(f)
	size, err := seekEntry(in, dataEnding)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if size > info.Size() { // a sparse entry would go on for ever
		return nil, fmt.Errorf("archive of %d bytes says its samples are %d", info.Size(), size)
	}
	return newReader(m, hint, in, f, size)
}

// seekEntry advances to the next regular file with an ending and returns its size.
func seekEntry(in *tar.Reader, ending string) (int64, error) {
	for {
		h, err := in.Next()
		if err == io.EOF {
			return 0, fmt.Errorf("archive has no %s", ending)
		}
		if err != nil {
			return 0, fmt.Errorf("archive: %w", err)
		}
		if h.Typeflag == tar.TypeReg && strings.EqualFold(filepath.Ext(h.Name), ending) {
			return h.Size, nil
		}
	}
}

func readMeta(r io.Reader) (Meta, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxMeta+1))
	if err != nil {
		return Meta{}, fmt.Errorf("metadata: %w", err)
	}
	if len(text) > maxMeta {
		return Meta{}, fmt.Errorf("metadata: larger than %d MiB", maxMeta>>20)
	}
	return Parse(text)
}

// newReader reads size bytes of data and checks that the metadata speaks of no others.
func newReader(m Meta, hint sdr.Format, data io.Reader, c io.Closer, size int64) (*Reader, error) {
	if hint.Rate != 0 {
		m.Format.Rate = hint.Rate
	}
	if hint.Centre != 0 {
		m.Format.Centre = hint.Centre
	}
	length := size - m.Header - m.Trailer
	if length < 0 {
		return nil, fmt.Errorf("data has %d bytes, but metadata says %d before and %d after the samples",
			size, m.Header, m.Trailer)
	}
	n := length / int64(m.Encoding.Bytes())
	if last := m.Segments[len(m.Segments)-1].Sample; last > n {
		return nil, fmt.Errorf("data has %d samples, but a capture starts at sample %d", n, last)
	}
	if _, err := io.CopyN(io.Discard, data, m.Header); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	if m.Trailer > 0 {
		data = io.LimitReader(data, length)
	}
	samples, err := iqfile.New(struct {
		io.Reader
		io.Closer
	}{data, c}, m.Encoding, m.Format)
	if err != nil {
		return nil, err
	}
	return &Reader{samples: samples, segments: m.Segments}, nil
}

// Format is what hint and metadata say.
func (r *Reader) Format() sdr.Format { return r.samples.Format() }

// Read implements sdr.Source; it may fill less than dst. Errors are those of iqfile.
func (r *Reader) Read(dst []complex64) (at int64, n int, err error) {
	pos := r.samples.Position()
	for len(r.segments) > 1 && pos >= r.segments[1].Sample {
		r.segments = r.segments[1:]
	}
	if len(r.segments) > 1 {
		dst = dst[:min(int64(len(dst)), r.segments[1].Sample-pos)]
	}
	s := r.segments[0]
	_, n, err = r.samples.Read(dst)
	if err != nil && err != io.EOF {
		err = fmt.Errorf("sigmf: %s: %w", r.name, err)
	}
	return s.At + pos - s.Sample, n, err
}

// Close closes the file. A later Read fails with os.ErrClosed.
func (r *Reader) Close() error { return r.samples.Close() }
