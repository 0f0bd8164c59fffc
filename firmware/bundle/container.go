package bundle

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"regexp"
	"strings"
)

// Limits of what is read.
const (
	maxFiles  = 60_000
	maxBundle = 2 << 30 // bytes
)

// errForm marks what cannot be read as a bundle, errRepacked what another program has packed out of one.
var (
	errForm     = errors.New("not a bundle")
	errRepacked = errors.New("packed by another program")
)

// part is one file of the ZIP.
type part struct {
	name string
	data []byte
}

// proofForm is the only kind of name that is not fixed.
var proofForm = regexp.MustCompile(`^proofs/[1-9][0-9]{0,18}\.tlog-proof$`)

func knownName(name string) bool {
	switch name {
	case nameManifest, nameHeader, nameCheckpoint, nameEntries, nameReceipts, namePayloads, nameLeaves, nameKeys:
		return true
	}
	return proofForm.MatchString(name)
}

// pack writes the ZIP. Nothing is compressed and no time is written, so that the same parts give the same bytes, and any
// byte of the container that is changed shows. Layout: APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16.
func pack(w io.Writer, parts []part) error {
	var central []byte
	at, total := uint64(0), uint64(0)
	for _, p := range parts {
		total += uint64(len(p.data)) + 128
	}
	if len(parts) > maxFiles || total > maxBundle {
		return fmt.Errorf("bundle: %d files with %d bytes are too many; take a shorter time", len(parts), total)
	}
	le := binary.LittleEndian
	for _, p := range parts {
		var fixed []byte // what both headers share: version, flags, method, time, date, CRC, sizes, lengths
		for _, v := range []uint16{20, 0, 0, 0, 0x21} {
			fixed = le.AppendUint16(fixed, v) // 0x21: 1980-01-01
		}
		fixed = le.AppendUint32(fixed, crc32.ChecksumIEEE(p.data))
		fixed = le.AppendUint32(fixed, uint32(len(p.data)))
		fixed = le.AppendUint32(fixed, uint32(len(p.data)))
		fixed = le.AppendUint16(fixed, uint16(len(p.name)))
		fixed = le.AppendUint16(fixed, 0)
		local := append([]byte("PK\x03\x04"), fixed...)
		local = append(local, p.name...)
		central = append(central, "PK\x01\x02\x14\x00"...)
		central = append(central, fixed...)
		central = append(central, make([]byte, 10)...) // comment, disk, attributes
		central = le.AppendUint32(central, uint32(at))
		central = append(central, p.name...)
		for _, b := range [][]byte{local, p.data} {
			if _, err := w.Write(b); err != nil {
				return fmt.Errorf("bundle: %w", err)
			}
			at += uint64(len(b))
		}
	}
	end := append([]byte("PK\x05\x06"), make([]byte, 4)...)
	end = le.AppendUint16(end, uint16(len(parts)))
	end = le.AppendUint16(end, uint16(len(parts)))
	end = le.AppendUint32(end, uint32(len(central)))
	end = le.AppendUint32(end, uint32(at))
	end = le.AppendUint16(end, 0)
	if _, err := w.Write(append(central, end...)); err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	return nil
}

// unpack reads what pack has written. exact says whether the container is byte for byte what pack writes; what the
// parts hold is judged by their hashes and not by their CRC. Anything that only another program would write
// (compression, other names, a name twice) is refused.
func unpack(b []byte) (parts []part, exact bool, err error) {
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, false, fmt.Errorf("%w: %w", errForm, err)
	}
	if len(z.File) > maxFiles {
		return nil, false, fmt.Errorf("%w: %d files", errForm, len(z.File))
	}
	seen := map[string]bool{}
	total := uint64(0)
	for _, f := range z.File {
		total += f.CompressedSize64
		switch {
		case !knownName(f.Name):
			return nil, false, foreign(f.Name)
		case seen[f.Name]:
			return nil, false, fmt.Errorf("%w: two files called %q", errForm, f.Name)
		case f.Method != zip.Store || f.CompressedSize64 != f.UncompressedSize64:
			return nil, false, fmt.Errorf("%w: %w: %s is compressed", errForm, errRepacked, f.Name)
		case total > uint64(len(b)): // parts that overlap
			return nil, false, fmt.Errorf("%w: more in it than it has bytes", errForm)
		}
		seen[f.Name] = true
		r, err := f.OpenRaw()
		if err != nil {
			return nil, false, fmt.Errorf("%w: %s: %w", errForm, f.Name, err)
		}
		data, err := io.ReadAll(r)
		if err != nil || uint64(len(data)) != f.CompressedSize64 {
			return nil, false, fmt.Errorf("%w: %s ends early", errForm, f.Name)
		}
		parts = append(parts, part{f.Name, data})
	}
	same := &comparer{want: b}
	if err := pack(same, parts); err != nil {
		return nil, false, fmt.Errorf("%w: %w", errForm, err)
	}
	return parts, same.ok(), nil
}

// foreign is the error of a name that pack does not write. Programs that pack a folder put its name before each, or name
// folders too, and macOS adds a folder of its own.
func foreign(name string) error {
	_, below, _ := strings.Cut(name, "/")
	if knownName(below) || strings.HasSuffix(name, "/") || strings.HasPrefix(name, "__MACOSX/") || path.Base(name) == ".DS_Store" {
		return fmt.Errorf("%w: %w: a file called %q", errForm, errRepacked, name)
	}
	return fmt.Errorf("%w: a file called %q", errForm, name)
}

// comparer is a Writer that compares.
type comparer struct {
	want   []byte
	differ bool
}

func (c *comparer) Write(b []byte) (int, error) {
	if !bytes.HasPrefix(c.want, b) {
		c.differ = true
		return len(b), nil
	}
	c.want = c.want[len(b):]
	return len(b), nil
}

func (c *comparer) ok() bool { return !c.differ && len(c.want) == 0 }
