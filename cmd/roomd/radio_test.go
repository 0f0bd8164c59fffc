package main

import (
	"context"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	radiopipe "subrosa/drivers/sdr/pipe"
	"subrosa/firmware/clock"
	"subrosa/firmware/room"
)

func TestRadioConfig(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "unit.json")
	load := func(radio string) (Config, error) {
		text := `{"unit": "u1", "room": "r1", "broker": "tls://b:8883", "sound": {"source": "none"}, "radio": {` + radio + `}}`
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return loadConfig(path)
	}
	const rtl = `"source": "rtlsdr", "rate": 2400000, "centre_hz": 433920000, `
	const hack = `"source": "hackrf", "rate": 10000000, "centre_hz": 2440000000, `
	const tcp = `"source": "rtl_tcp", "rate": 250000, "centre_hz": 868300000, "gain_db": 29.7, `
	for radio, flags := range map[string]string{
		rtl + `"gain_db": 30`:                            "--radio rtlsdr --radio-device  --radio-rate 2400000 --radio-centre 433920000 --radio-gain 30 --radio-ppm 0",
		rtl + `"auto_gain": true, "device": "a b"`:       "--radio rtlsdr --radio-device a b --radio-rate 2400000 --radio-centre 433920000 --radio-gain auto --radio-ppm 0",
		hack + `"gain_db": 0, "ppm": -3, "device": "61"`: "--radio hackrf --radio-device 61 --radio-rate 10000000 --radio-centre 2440000000 --radio-gain 0 --radio-ppm -3",
	} {
		c, err := load(radio)
		if err != nil {
			t.Errorf("%s: %v", radio, err)
			continue
		}
		var p room.Parts
		a, got, err := radioSource(c.Radio, clock.Wall{}, time.Now(), quiet, &p)
		if err != nil || a.player != nil || strings.Join(got, " ") != flags {
			t.Errorf("%s: got %q, %v, want %q", radio, got, err, flags)
		}
		if half := float64(c.Radio.Rate) / 2; !p.Radio.Present || p.Radio.LoHz != c.Radio.Centre-half || p.Radio.HiHz != c.Radio.Centre+half {
			t.Errorf("%s: covers %+v", radio, p.Radio)
		}
	}
	if c, err := load(tcp + `"address": "[::1]:1234"`); err != nil || c.Radio.server().GainTenthDB != 297 {
		t.Errorf("got %+v, %v", c.Radio.server(), err)
	}
	for radio, want := range map[string]string{
		`"source": "bladerf"`:                                    `radio.source "bladerf"`,
		`"source": "rtlsdr", "gain": 3`:                          "unit.json:1:",
		rtl + `"ppm": 0`:                                         "gain_db or auto_gain",
		rtl + `"gain_db": 30, "auto_gain": true`:                 "gain_db or auto_gain",
		rtl + `"gain_db": 80`:                                    "gain_db 80",
		rtl + `"gain_db": 30, "ppm": 5000`:                       "ppm 5000",
		rtl + `"gain_db": 30, "address": "x:1"`:                  "address is for rtl_tcp only",
		rtl + `"gain_db": 30, "feed": {"rate": 250000}`:          "feed is not used",
		rtl + `"gain_db": 30, "detectors": ["ultrasonic"]`:       `no detector "ultrasonic"`,
		`"source": "rtlsdr", "gain_db": 30, "rate": 2400000`:     "centre_hz 0",
		`"source": "rtlsdr", "gain_db": 30, "centre_hz": 1e8`:    "rate 0",
		strings.Replace(rtl, "24", "5", 1) + `"gain_db": 30`:     "rate 500000",
		strings.Replace(rtl, "433", "2433", 1) + `"gain_db": 30`: "centre_hz 2.43392e+09",
		hack + `"auto_gain": true`:                               "hackrf has none",
		strings.Replace(hack, "10", "1", 1) + `"gain_db": 30`:    "rate 1000000",
		tcp + `"device": "a", "address": "h:1"`:                  "device is not for rtl_tcp",
		tcp + `"ppm": 0`:                                         `address ""`,
		tcp + `"address": "host:0"`:                              `address "host:0"`,
		tcp + `"address": "host:http"`:                           `address "host:http"`,
		`"source": "none", "rate": 250000`:                       "not used with source none",
		`"source": "feed", "gain_db": 3, "feed": {"rate": 1000}`: "not used with source feed",
	} {
		if _, err := load(radio); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want an error with %q that names the file", radio, err, want)
		}
	}
}

// TestServer: samples of a server reach the pipe that the sensor reads, but only where the room says that it is unsealed.
func TestServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	done := make(chan struct{})
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		c.Write([]byte("RTL0\x00\x00\x00\x05\x00\x00\x00\x1d"))
		b := make([]byte, 1<<16)
		for i := range b {
			b[i] = 255
		}
		for err == nil {
			_, err = c.Write(b)
		}
		close(done)
	}()
	gain := 30.0
	r := Radio{Source: "rtl_tcp", Address: l.Addr().String(), Rate: 250_000, Centre: 433.92e6, GainDB: &gain}
	if err := r.check(); err != nil {
		t.Fatal(err)
	}
	var p room.Parts
	if _, _, err := radioSource(r, clock.Wall{}, time.Now(), quiet, &p); err == nil || !strings.Contains(err.Error(), "--unsealed") {
		t.Errorf("sealed: got %v", err)
	}
	p.Unsealed = true
	a, flags, err := radioSource(r, clock.Wall{}, time.Now(), quiet, &p)
	if err != nil || !slices.Equal(flags, []string{"--radio", "pipe"}) || !p.Radio.Present {
		t.Fatalf("got %q, %v, %+v", flags, err, p.Radio)
	}
	reading, writing, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	played := make(chan struct{})
	go func() {
		playRadio(ctx, a, writing, quiet)
		close(played)
	}()
	src, err := radiopipe.New(reading)
	if err != nil || src.Format() != a.format {
		t.Fatal(src.Format(), err)
	}
	x := make([]complex64, 1000)
	at, n, err := src.Read(x)
	if err != nil || at < 125_000 { // half a second is discarded, and calling took some time
		t.Errorf("got index %d, %v", at, err)
	}
	for _, v := range x[:n] {
		if math.Abs(float64(real(v))-1) > 1e-6 || math.Abs(float64(imag(v))-1) > 1e-6 {
			t.Fatalf("got %v, want 1+1i", v)
		}
	}
	cancel()
	src.Close()
	<-played
	<-done
}
