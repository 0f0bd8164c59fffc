package portaudio

import (
	"slices"
	"strings"
	"testing"

	"subrosa/drivers/audio"
)

func TestConfig(t *testing.T) {
	for _, tt := range []struct {
		c        Config
		channels []int
		physical int
		straight bool
		want     string // part of the error
	}{
		{Config{}, []int{1}, 1, true, ""},
		{Config{Format: audio.Format{Rate: 192_000, Channels: 8}}, []int{1, 2, 3, 4, 5, 6, 7, 8}, 8, true, ""},
		{Config{Map: []int{3, 1}}, []int{3, 1}, 3, false, ""},
		{Config{Map: []int{2}, Format: audio.Format{Channels: 1}}, []int{2}, 2, false, ""},
		{Config{Map: []int{1, 2}, Format: audio.Format{Channels: 1}}, nil, 0, false, "map of 2 channels for 1"},
		{Config{Map: []int{1, 1}}, nil, 0, false, "twice"},
		{Config{Map: []int{0}}, nil, 0, false, "channel 0"},
		{Config{Map: []int{65}}, nil, 0, false, "channel 65"},
		{Config{Format: audio.Format{Channels: 9}}, nil, 0, false, "9 channels"},
		{Config{Format: audio.Format{Channels: -1}}, nil, 0, false, "channels"},
		{Config{Format: audio.Format{Rate: 10}}, nil, 0, false, "10 Hz"},
	} {
		c, err := tt.c.complete()
		if tt.want != "" {
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%+v: got %v, want an error with %q", tt.c, err, tt.want)
			}
			continue
		}
		if err != nil || !slices.Equal(c.Map, tt.channels) || c.physical() != tt.physical || c.straight() != tt.straight {
			t.Errorf("%+v: got %+v, %d physical, straight %v, %v", tt.c, c, c.physical(), c.straight(), err)
		}
	}
}

func TestPickAndSpread(t *testing.T) {
	src := []float32{11, 12, 13, 21, 22, 23}
	dst := make([]float32, 4)
	pick(dst, src, 3, []int{3, 1})
	if !slices.Equal(dst, []float32{13, 11, 23, 21}) {
		t.Errorf("picked %v", dst)
	}
	back := make([]float32, 6)
	spread(back, dst, 3, []int{3, 1})
	if !slices.Equal(back, []float32{11, 0, 13, 21, 0, 23}) {
		t.Errorf("spread %v", back)
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{"USB Audio: - (hw:1,0)": true, "pulse": false, "default": false,
		"USB Audio: - (plughw:1,0)": false, "hw:1,0": false, "a (hw:0,0) b": false} {
		if got := rawName(name); got != want {
			t.Errorf("%q: raw %v", name, got)
		}
	}
	for _, tt := range []struct {
		name, wanted string
		is, may      bool
	}{
		{"USB Audio: - (hw:1,0)", "hw:1,0", true, true},
		{"USB Audio: - (hw:1,0)", "USB", false, true},
		{"USB Audio: - (hw:1,0)", "USB Audio: - (hw:1,0)", true, true},
		{"USB Audio: - (hw:1,0)", "hw:1", false, false},
		{"USB Audio: - (hw:1,0)", "", false, true},
		{"pulse", "1,0", false, false},
	} {
		if is, may := named(tt.name, tt.wanted); is != tt.is || may != tt.may {
			t.Errorf("%q for %q: %v, %v", tt.name, tt.wanted, is, may)
		}
	}
}
