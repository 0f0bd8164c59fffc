package demo

import (
	"embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"subrosa/drivers/audio/recording"
	"subrosa/dsp/siggen"
	"subrosa/dsp/siggen/radio"
)

//go:embed testdata/*.flac
var recordings embed.FS

// The receiver of the demo.
const (
	radioRate   = 250_000
	radioCentre = 433.92e6
)

// layRecordings writes what the unit will hear into dir: the embedded recordings, and synthetic radio.
func layRecordings(dir string) error {
	for _, name := range []string{"meeting_16000.flac", "beacon_48000.flac"} {
		b, err := recordings.ReadFile("testdata/" + name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
		}
		if err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	r := siggen.Rand(433)
	air := radio.Noise(r, 20, radioRate, -40)
	sensor, _ := radio.Sensor(r, 20, radioRate, -22, 61e3)
	radio.Add(air, 0, sensor)
	if err := os.WriteFile(filepath.Join(dir, "air_synthetic.cu8"), radio.CU8(air), 0o600); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	speech, rate, err := readSpeech(filepath.Join(dir, "meeting_16000.flac"), 10)
	if err != nil {
		return err
	}
	bug := radio.FMBug(r, speech, rate, radioRate, -28, -40e3, 5000)
	if err := os.WriteFile(filepath.Join(dir, "fm-transmitter_synthetic.cs16"), cs16(bug), 0o600); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	return nil
}

// readSpeech returns the first seconds of a recording, brought to full scale.
func readSpeech(path string, seconds int) ([]float32, float64, error) {
	s, err := recording.Open(path)
	if err != nil {
		return nil, 0, fmt.Errorf("demo: %w", err)
	}
	defer s.Close()
	f := s.Format()
	x := make([]float32, seconds*f.Rate*f.Channels)
	n := 0
	for n < len(x) {
		_, k, err := s.Read(x[n:])
		n += k * f.Channels
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, 0, fmt.Errorf("demo: %w", err)
		}
	}
	peak := float32(1e-9)
	for _, v := range x[:n] {
		peak = max(peak, v, -v)
	}
	for i := range x[:n] {
		x[i] /= peak
	}
	return x[:n], float64(f.Rate), nil
}

// cs16 converts samples to interleaved 16-bit integers, little-endian.
func cs16(x []complex64) []byte {
	b := make([]byte, 0, 4*len(x))
	for _, v := range x {
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(32767*real(v))))
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(32767*imag(v))))
	}
	return b
}
