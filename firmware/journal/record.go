package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
)

// Formats of segments. In the first, payloads stand in the records; it is read for ever and no longer written.
const (
	formatInline = 1
	format       = 2
)

type digest [sha256.Size]byte

func (d digest) String() string { return hex.EncodeToString(d[:]) }

func parseDigest(s string) (d digest, err error) {
	if len(s) != 2*len(d) {
		return d, fmt.Errorf("%d characters are no hash", len(s))
	}
	_, err = hex.Decode(d[:], []byte(s))
	return d, err
}

// link is the hash of a record.
func link(prev digest, seq uint64, entry []byte) (d digest) {
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], seq)
	h := sha256.New()
	h.Write(prev[:])
	h.Write(n[:])
	h.Write(entry)
	h.Sum(d[:0])
	return d
}

// recordHead is everything in a record's line that is known before its entry.
func recordHead(dst []byte, prev digest, seq uint64) []byte {
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendUint(dst, seq, 10)
	dst = append(dst, `,"prev":"`...)
	dst = hex.AppendEncode(dst, prev[:])
	return append(dst, `","entry":`...)
}

// appendRecord appends the record's line, line feed included, and returns its hash.
func appendRecord(dst []byte, prev digest, seq uint64, entry []byte) ([]byte, digest) {
	d := link(prev, seq, entry)
	dst = recordHead(dst, prev, seq)
	dst = append(dst, entry...)
	dst = append(dst, `,"hash":"`...)
	dst = hex.AppendEncode(dst, d[:])
	return append(dst, "\"}\n"...), d
}

// appendLeaf appends what the tree has of the entry whose encoded header is raw.
func appendLeaf(dst []byte, seq uint64, raw []byte) []byte {
	dst = append(dst, `{"seq":`...)
	dst = strconv.AppendUint(dst, seq, 10)
	dst = append(dst, `,"entry":`...)
	dst = append(dst, raw...)
	return append(dst, '}')
}

// gapLeaf stands in the tree for a sequence number whose entry was lost.
func gapLeaf(seq uint64) []byte { return fmt.Appendf(nil, `{"seq":%d,"lost":true}`, seq) }

// parseRecord checks a line, without its line feed, against the chain and returns its entry, the bytes of that in
// the line, and its hash.
func parseRecord(line []byte, prev digest, seq uint64) (Entry, []byte, digest, error) {
	var e Entry
	head := recordHead(nil, prev, seq)
	const tail = len(`,"hash":""}`) + 2*sha256.Size
	switch {
	case !bytes.HasPrefix(line, head):
		return e, nil, digest{}, fmt.Errorf("does not continue the chain at %d", seq)
	case len(line) < len(head)+tail:
		return e, nil, digest{}, errors.New("is too short")
	}
	raw := line[len(head) : len(line)-tail]
	d := link(prev, seq, raw)
	want, _ := appendRecord(nil, prev, seq, raw)
	if !bytes.Equal(line, want[:len(want)-1]) {
		return e, nil, digest{}, errors.New("hash does not match")
	}
	if err := json.Unmarshal(raw, &e); err != nil {
		return e, nil, digest{}, fmt.Errorf("entry: %w", err)
	}
	return e, raw, d, nil
}

func parses(line []byte, prev digest, seq uint64) bool {
	_, _, _, err := parseRecord(line, prev, seq)
	return err == nil
}

// header is the first line of a segment.
type header struct {
	Format int    `json:"format"`
	First  uint64 `json:"first"`
	Prev   string `json:"prev"`
}

// headerHead is everything in a header of a format that its file's name tells.
func headerHead(format int, first uint64) []byte {
	return fmt.Appendf(nil, `{"format":%d,"first":%d,"prev":"`, format, first)
}

func appendHeader(dst []byte, format int, prev digest, first uint64) []byte {
	dst = append(dst, headerHead(format, first)...)
	dst = hex.AppendEncode(dst, prev[:])
	return append(dst, "\"}\n"...)
}

// parseHeader checks a header line, without its line feed.
func parseHeader(line []byte) (h header, prev digest, err error) {
	if err := json.Unmarshal(line, &h); err != nil {
		return h, prev, fmt.Errorf("header: %w", err)
	}
	if h.Format != formatInline && h.Format != format {
		return h, prev, fmt.Errorf("header: format %d, this program knows %d and %d", h.Format, formatInline, format)
	}
	if prev, err = parseDigest(h.Prev); err != nil {
		return h, prev, fmt.Errorf("header: %w", err)
	}
	want := appendHeader(nil, h.Format, prev, h.First)
	if h.First == 0 || !bytes.Equal(line, want[:len(want)-1]) {
		return h, prev, errors.New("header is not in canonical form")
	}
	return h, prev, nil
}
