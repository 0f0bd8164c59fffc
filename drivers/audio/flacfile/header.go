package flacfile

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"subrosa/drivers/audio"
)

// streamInfo is what matters of a file's STREAMINFO block.
type streamInfo struct {
	format audio.Format
	bits   uint8
	total  uint64 // frames; 0 = not said
}

// readHeader reads up to the first frame. It is done here because the library believes lengths in metadata
// and allocates by them: a few hostile bytes can take all memory, which nothing recovers from.
//
//	["ID3" 3:1… size:4×7 bits, tag]  "fLaC"  block…            (RFC 9639 §6, §8; ID3v2 §3.1)
//	block       last:1 type:7 size:24 body
//	STREAMINFO  type 0, first: min,max block:16,16 min,max bytes:24,24 rate:20 channels-1:3 bits-1:5 frames:36 MD5:128
func readHeader(r *bufio.Reader) (streamInfo, error) {
	var info streamInfo
	if err := skipID3(r); err != nil {
		return info, unexpected(err)
	}
	var magic [4]byte
	if _, err := io.ReadFull(r, magic[:]); err != nil {
		return info, unexpected(err)
	}
	if string(magic[:]) != "fLaC" {
		return info, fmt.Errorf("signature is %q, want %q", magic, "fLaC")
	}
	for first, last := true, false; !last; first = false {
		var b [4]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return info, unexpected(err)
		}
		last = b[0]&0x80 != 0
		kind, size := b[0]&0x7F, int(binary.BigEndian.Uint32(b[:])&0xFFFFFF)
		switch {
		case first != (kind == 0):
			return info, errors.New("STREAMINFO is not the first block, or not the only one")
		case first:
			var body [34]byte
			if size != len(body) {
				return info, fmt.Errorf("STREAMINFO has %d bytes, want %d", size, len(body))
			}
			if _, err := io.ReadFull(r, body[:]); err != nil {
				return info, unexpected(err)
			}
			var err error
			if info, err = parseStreamInfo(body); err != nil {
				return info, err
			}
		default:
			if _, err := r.Discard(size); err != nil {
				return info, unexpected(err)
			}
		}
	}
	return info, nil
}

func parseStreamInfo(b [34]byte) (streamInfo, error) {
	u := binary.BigEndian.Uint64(b[10:])
	info := streamInfo{
		format: audio.Format{Rate: int(u >> 44), Channels: int(u>>41&7) + 1},
		bits:   uint8(u>>36&31) + 1,
		total:  u & (1<<36 - 1),
	}
	if info.format.Rate == 0 {
		return info, errors.New("header says no sample rate")
	}
	if info.bits < 4 {
		return info, fmt.Errorf("header says %d bits a sample, want 4 to 32", info.bits)
	}
	return info, nil
}

// skipID3 skips the tag some programs put before the signature.
func skipID3(r *bufio.Reader) error {
	b, err := r.Peek(10)
	if err != nil || string(b[:3]) != "ID3" {
		return nil // whatever is wrong with it, the signature will show
	}
	size := 0
	for _, v := range b[6:] {
		size = size<<7 | int(v&0x7F)
	}
	_, err = r.Discard(10 + size)
	return err
}

// unexpected makes the end of a header an error.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
