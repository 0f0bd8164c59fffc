package wavfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"subrosa/drivers/audio"
	"subrosa/drivers/internal/frame"
)

// What a header may claim. Sound at radio rates exists (receivers that record to WAV), beyond that it lies.
const (
	maxRate     = 32_000_000
	maxChannels = 1024
)

// Format tags.
const (
	tagPCM        = 1
	tagFloat      = 3
	tagExtensible = 0xFFFE
)

// subformatTail is what follows the tag in the GUID of an extensible format.
const subformatTail = "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"

type header struct {
	format audio.Format
	sample encoding
	data   int64 // bytes of frames, or frame.Unbounded
}

// readHeader reads up to the first byte of the frames.
func readHeader(r io.Reader) (header, error) {
	var h header
	var id [12]byte
	if _, err := io.ReadFull(r, id[:]); err != nil {
		return h, fmt.Errorf("header: %w", unexpected(err))
	}
	form := string(id[:4])
	if form != "RIFF" && form != "RF64" && form != "BW64" || string(id[8:]) != "WAVE" {
		return h, fmt.Errorf("not a WAV file: starts with %q, want RIFF, RF64 or BW64 and WAVE", id)
	}
	var size64 int64 = frame.Unbounded // from ds64
	for {
		var chunk [8]byte
		if _, err := io.ReadFull(r, chunk[:]); err != nil {
			return h, fmt.Errorf("no data chunk: %w", unexpected(err))
		}
		name, size := string(chunk[:4]), binary.LittleEndian.Uint32(chunk[4:])
		switch name {
		case "data":
			if h.format.Rate == 0 {
				return h, errors.New("data comes before any fmt chunk")
			}
			h.data = dataSize(size, size64, form != "RIFF")
			return h, nil
		case "fmt ", "ds64":
			body, err := readChunk(r, name, size)
			if err != nil {
				return h, err
			}
			if name == "fmt " {
				if h.format, h.sample, err = parseFormat(body); err != nil {
					return h, err
				}
			} else if size64 = int64(binary.LittleEndian.Uint64(body[8:])); size64 < 0 {
				return h, fmt.Errorf("ds64 chunk gives a data size of %d bytes", uint64(size64))
			}
		default:
			if _, err := io.CopyN(io.Discard, r, int64(size)+int64(size&1)); err != nil {
				return h, fmt.Errorf("chunk %q of %d bytes: %w", name, size, unexpected(err))
			}
		}
	}
}

// dataSize turns the size fields into bytes to read. Writers that cannot seek leave the field at what they
// put there first: nothing, all ones, or (SoX) 0x7FFFF000.
func dataSize(size uint32, size64 int64, wide bool) int64 {
	switch {
	case size == 0xFFFFFFFF && wide && size64 > 0:
		return size64
	case size == 0 || size == 0xFFFFFFFF || size == 0x7FFFF000:
		return frame.Unbounded
	}
	return int64(size)
}

// readChunk returns the start of a chunk's body, as much as is ever needed, and skips the rest.
func readChunk(r io.Reader, name string, size uint32) ([]byte, error) {
	least := map[string]uint32{"fmt ": 16, "ds64": 24}[name]
	if size < least {
		return nil, fmt.Errorf("chunk %q has %d bytes, want at least %d", name, size, least)
	}
	body := make([]byte, min(size, 40))
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, fmt.Errorf("chunk %q: %w", name, unexpected(err))
	}
	rest := int64(size) - int64(len(body)) + int64(size&1)
	if _, err := io.CopyN(io.Discard, r, rest); err != nil {
		return nil, fmt.Errorf("chunk %q of %d bytes: %w", name, size, unexpected(err))
	}
	return body, nil
}

func parseFormat(b []byte) (audio.Format, encoding, error) {
	le := binary.LittleEndian
	tag, channels, rate := le.Uint16(b), le.Uint16(b[2:]), le.Uint32(b[4:])
	align, bits := int(le.Uint16(b[12:])), int(le.Uint16(b[14:]))
	var none audio.Format
	if tag == tagExtensible {
		if len(b) < 40 {
			return none, 0, fmt.Errorf("extensible format has %d bytes, want 40", len(b))
		}
		if string(b[26:40]) != subformatTail {
			return none, 0, fmt.Errorf("samples in an unknown encoding (subformat %x)", b[24:40])
		}
		tag = le.Uint16(b[24:])
	}
	if rate == 0 || rate > maxRate {
		return none, 0, fmt.Errorf("header says %d frames a second, want 1 to %d", rate, maxRate)
	}
	if channels == 0 || channels > maxChannels {
		return none, 0, fmt.Errorf("header says %d channels, want 1 to %d", channels, maxChannels)
	}
	var e encoding
	switch {
	case tag == tagPCM && bits >= 1 && bits <= 32:
		e = encoding((bits + 7) / 8) // fewer bits are left-justified in their bytes
	case tag == tagFloat && (bits == 32 || bits == 64):
		e = encoding(-bits / 8)
	case tag == tagPCM || tag == tagFloat:
		return none, 0, fmt.Errorf("samples of %d bits are not read", bits)
	default:
		return none, 0, fmt.Errorf("samples in encoding %#04x are not read, only integers (1) and floats (3)", tag)
	}
	if want := e.size() * int(channels); align != want {
		return none, 0, fmt.Errorf("header says %d bytes a frame, but %d channels of %d bits make %d",
			align, channels, bits, want)
	}
	return audio.Format{Rate: int(rate), Channels: int(channels)}, e, nil
}

// unexpected makes the end of a header an error.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
