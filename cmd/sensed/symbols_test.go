//go:build linux && cgo

package main

import (
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// receiverSymbols are all that programs may use of the receivers' libraries. None of them transmits, writes to a
// device's memory, or makes it put out a clock.
var receiverSymbols = strings.Fields(`
	rtlsdr_cancel_async rtlsdr_close rtlsdr_get_center_freq rtlsdr_get_device_count rtlsdr_get_direct_sampling
	rtlsdr_get_freq_correction rtlsdr_get_index_by_serial rtlsdr_get_sample_rate rtlsdr_get_tuner_gain
	rtlsdr_get_tuner_gains rtlsdr_get_tuner_type rtlsdr_open rtlsdr_read_async rtlsdr_reset_buffer rtlsdr_set_agc_mode
	rtlsdr_set_bias_tee rtlsdr_set_center_freq rtlsdr_set_direct_sampling rtlsdr_set_freq_correction
	rtlsdr_set_sample_rate rtlsdr_set_tuner_gain rtlsdr_set_tuner_gain_mode

	hackrf_close hackrf_compute_baseband_filter_bw hackrf_device_list hackrf_device_list_free hackrf_device_list_open
	hackrf_exit hackrf_init hackrf_is_streaming hackrf_set_amp_enable hackrf_set_antenna_enable
	hackrf_set_baseband_filter_bandwidth hackrf_set_freq hackrf_set_lna_gain hackrf_set_sample_rate hackrf_set_vga_gain
	hackrf_start_rx hackrf_stop_rx`)

var (
	ofReceivers = regexp.MustCompile(`^(hackrf|rtlsdr)_`)
	transmits   = regexp.MustCompile(`(?i)(hackrf|rtlsdr|libusb)\w*(_tx|txvga|transmit)`)
)

// forbidden returns what a program refers to, or has linked in, of the receivers' libraries and should not; and how
// many of their symbols there are in all.
func forbidden(program string) (bad []string, count int, err error) {
	f, err := elf.Open(program)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	for _, list := range []func() ([]elf.Symbol, error){f.DynamicSymbols, f.Symbols} {
		symbols, err := list()
		if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
			return nil, 0, err
		}
		for _, s := range symbols {
			own := ofReceivers.MatchString(s.Name)
			if own {
				count++
			}
			if own && !slices.Contains(receiverSymbols, s.Name) || transmits.MatchString(s.Name) {
				bad = append(bad, s.Name)
			}
		}
	}
	return bad, count, nil
}

// installed skips the test where a library is not.
func installed(t *testing.T, library string) {
	t.Helper()
	if err := exec.Command("pkg-config", "--exists", library).Run(); err != nil {
		t.Skipf("%s-dev is not installed", library)
	}
}

// TestNoTransmitSymbol looks into the sensor as it is built with all receivers, and without.
func TestNoTransmitSymbol(t *testing.T) {
	for _, tags := range []string{"", "rtlsdr,hackrf"} {
		t.Run("tags "+tags, func(t *testing.T) {
			if tags != "" {
				installed(t, "librtlsdr")
				installed(t, "libhackrf")
			}
			program := filepath.Join(t.TempDir(), "sensed")
			if out, err := exec.Command("go", "build", "-buildvcs=false", "-tags="+tags, "-o", program, ".").CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			bad, count, err := forbidden(program)
			if err != nil || len(bad) > 0 {
				t.Errorf("refers to %q, %v", bad, err)
			}
			if linked := count > 0; linked != (tags != "") {
				t.Errorf("%d symbols of receivers' libraries: this test looks at the wrong program", count)
			}
		})
	}
}

// TestTransmitSymbolIsFound: the check above can fail.
func TestTransmitSymbolIsFound(t *testing.T) {
	installed(t, "libhackrf")
	for name, source := range map[string]string{
		"hackrf_start_tx":       "int hackrf_start_tx(void *, void *, void *); int main(void) { return hackrf_start_tx(0, 0, 0); }",
		"hackrf_set_txvga_gain": "int hackrf_set_txvga_gain(void *, unsigned); int main(void) { return hackrf_set_txvga_gain(0, 0); }",
		"hackrf_spiflash_erase": "int hackrf_spiflash_erase(void *); int main(void) { return hackrf_spiflash_erase(0); }",
	} {
		dir := t.TempDir()
		file, program := filepath.Join(dir, "main.c"), filepath.Join(dir, "main")
		if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("gcc", "-o", program, file, "-lhackrf").CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if bad, _, err := forbidden(program); err != nil || !slices.Contains(bad, name) {
			t.Errorf("%s: found %q, %v", name, bad, err)
		}
	}
}
