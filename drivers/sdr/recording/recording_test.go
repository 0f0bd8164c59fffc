package recording

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"subrosa/drivers/sdr"
	"subrosa/drivers/sdr/sdrtest"
)

func TestParseName(t *testing.T) {
	for _, tt := range []struct {
		name string
		want sdr.Format
	}{
		{"x_433.92M_250k.cu8", sdr.Format{Rate: 250_000, Centre: 433.92e6}},
		{"some/folder_1M/g001_433.92M_250k.cu8", sdr.Format{Rate: 250_000, Centre: 433.92e6}},
		{"x_868.3M_1024k.cs16", sdr.Format{Rate: 1_024_000, Centre: 868.3e6}},
		{"x_250k_433.92M.cu8", sdr.Format{Rate: 250_000, Centre: 433.92e6}},
		{"x_2.412G_20M.cs16", sdr.Format{Rate: 20_000_000, Centre: 2.412e9}},
		{"x_1.09G_2M.cu8", sdr.Format{Rate: 2_000_000, Centre: 1.09e9}},
		{"x_7.1M_250k.cu8", sdr.Format{Rate: 250_000, Centre: 7.1e6}},
		{"x_433.92M_2.048M.cf32", sdr.Format{Rate: 2_048_000, Centre: 433.92e6}},
		{"433.92M_250K.cu8", sdr.Format{Rate: 250_000, Centre: 433.92e6}},
		{"TFA_3M_868.3M_250k.cu8", sdr.Format{Rate: 250_000, Centre: 868.3e6}},
		{"x_868300000Hz_1000000sps.cs8", sdr.Format{Rate: 1_000_000, Centre: 868.3e6}},
		{"x_2.4Msps_100MHz.cs8", sdr.Format{Rate: 2_400_000, Centre: 100e6}},
		{"x_2.4Msps_433M.cs8", sdr.Format{Rate: 2_400_000, Centre: 433e6}},
		{"x_433MHz_250k.cs8", sdr.Format{Rate: 250_000, Centre: 433e6}},
		{"x_250k.cu8", sdr.Format{Rate: 250_000}},
		{"x_2.4M.cu8", sdr.Format{Rate: 2_400_000}},
		{"x_433.92M.cu8", sdr.Format{Centre: 433.92e6}},
		{"x.cu8", sdr.Format{}},
		{"20210203_120000.cu8", sdr.Format{}},
		{"g001_m433_k250_M_k.cu8", sdr.Format{}},
		{"x_-433M_1e9k_0k_0x1k_infk_nanM_1.2.3M.cu8", sdr.Format{}},
		{"x_433m_250g.cu8", sdr.Format{}},
		{"x_99999999999999999999G.cu8", sdr.Format{}},
		{"x_0.0001k.cu8", sdr.Format{}},
		{"", sdr.Format{}},
	} {
		got := ParseName(tt.name)
		if got.Rate != tt.want.Rate || math.Abs(got.Centre-tt.want.Centre) > 1e-3 {
			t.Errorf("ParseName(%q) = %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func FuzzParseName(f *testing.F) {
	for _, name := range []string{"x_433.92M_250k.cu8", "x_868300000Hz_1000000sps.cs8", "a_1G_2M_3k", "_.k_"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := ParseName(name)
		if got.Rate < 0 || got.Rate > 1e9 || !(got.Centre >= 0 && got.Centre <= 1e12) {
			t.Fatalf("ParseName(%q) = %+v", name, got)
		}
	})
}

const meta = `{"global":{"core:datatype":"cu8","core:sample_rate":1000},"captures":[{"core:sample_start":0,"core:frequency":5e6}]}`

func write(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpen(t *testing.T) {
	sigmf := write(t, "x_433M_250k.sigmf-meta", meta)
	if err := os.WriteFile(strings.TrimSuffix(sigmf, "meta")+"data", []byte("\xff\x00"), 0o600); err != nil {
		t.Fatal(err)
	}
	bare := write(t, "x_433M_250k.CU8", "\xff\x00")
	for _, tt := range []struct {
		name, path string
		hint, want sdr.Format
	}{
		{"name", bare, sdr.Format{}, sdr.Format{Rate: 250_000, Centre: 433e6}},
		{"hint before name", bare, sdr.Format{Rate: 9, Centre: 8}, sdr.Format{Rate: 9, Centre: 8}},
		{"half a hint", bare, sdr.Format{Rate: 9}, sdr.Format{Rate: 9, Centre: 433e6}},
		{"metadata before name", sigmf, sdr.Format{}, sdr.Format{Rate: 1000, Centre: 5e6}},
		{"hint before metadata", sigmf, sdr.Format{Centre: 8}, sdr.Format{Rate: 1000, Centre: 8}},
		{"centre nobody knows", write(t, "x_2M.cu8", "\xff\x00"), sdr.Format{}, sdr.Format{Rate: 2_000_000}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sdrtest.Run(t, func(tb testing.TB) sdr.Source {
				src, err := Open(tt.path, tt.hint)
				if err != nil {
					tb.Fatal(err)
				}
				return src
			}, sdrtest.Want{Format: tt.want, Samples: []complex64{1 - 1i}})
		})
	}
}

func TestOpenErrors(t *testing.T) {
	for _, tt := range []struct {
		path string
		want error
	}{
		{write(t, "x.cu8", ""), sdr.ErrNoRate},
		{write(t, "x_433M.cf32", ""), sdr.ErrNoRate},
		{write(t, "x.complex16u", ""), sdr.ErrUnknownEnding},
		{write(t, "cu8", ""), sdr.ErrUnknownEnding},
		{write(t, "x.wav", ""), sdr.ErrUnknownEnding},
		{filepath.Join(t.TempDir(), "x_250k.cs16"), os.ErrNotExist},
		{filepath.Join(t.TempDir(), "x.sigmf-data"), os.ErrNotExist},
	} {
		src, err := Open(tt.path, sdr.Format{})
		if src != nil || !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.path) {
			t.Errorf("%s: got %v, %v, want nil and %v naming the file", filepath.Base(tt.path), src, err, tt.want)
		}
		if got := Known(tt.path); got == errors.Is(tt.want, sdr.ErrUnknownEnding) {
			t.Errorf("Known(%s) = %v", filepath.Base(tt.path), got)
		}
	}
	if !strings.Contains(sdr.ErrNoRate.Error(), "--rate") {
		t.Error("the error does not say what to do")
	}
}
