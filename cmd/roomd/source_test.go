package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// TestNodesAreLookedForAnew: what is plugged in between two starts of the sensor is let through at the second, and
// nothing but receivers and capture devices ever is.
func TestNodesAreLookedForAnew(t *testing.T) {
	dir := t.TempDir()
	put := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	usb := func(name, vendor, product, dev string) {
		put("usb/"+name+"/idVendor", vendor+"\n")
		put("usb/"+name+"/idProduct", product+"\n")
		put("usb/"+name+"/busnum", "1\n")
		put("usb/"+name+"/devnum", dev+"\n")
	}
	usb("1-1", "0bda", "8152", "2") // a network adapter of the same maker
	usb("1-2", "046d", "c31c", "3") // a keyboard
	put("usb/1-0:1.0/other", "")
	put("snd/pcmC0D0p", "")
	put("snd/controlC0", "")
	sound := func() []string { return captureNodes(filepath.Join(dir, "snd")) }
	radio := func() []string { return receiverNodes(filepath.Join(dir, "usb"), "/dev/bus/usb") }
	if got := radio(); len(got) != 0 {
		t.Errorf("let through %v, want no device that is no receiver", got)
	}
	if got, want := sound(), []string{filepath.Join(dir, "snd/controlC0")}; !slices.Equal(got, want) {
		t.Errorf("let through %v, want %v", got, want)
	}
	usb("1-3", "0bda", "2838", "17")
	put("snd/pcmC1D0c", "")
	if got, want := radio(), []string{"/dev/bus/usb/001/017"}; !slices.Equal(got, want) {
		t.Errorf("let through %v, want %v", got, want)
	}
	if got := sound(); !slices.Contains(got, filepath.Join(dir, "snd/pcmC1D0c")) || slices.Contains(got, filepath.Join(dir, "snd/pcmC0D0p")) {
		t.Errorf("let through %v, want the new microphone and no loudspeaker", got)
	}
}
