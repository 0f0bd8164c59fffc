package nanomdm

import (
	"testing"

	"subrosa/mdm"
)

var iphone = mdm.Device{ID: "d-1", Platform: "ios", OS: "18.6"}

func FuzzDecodeAnswer(f *testing.F) {
	f.Add([]byte(`<plist version="1.0"><dict><key>Status</key><string>Acknowledged</string><key>ProfileList</key><array/></dict></plist>`))
	f.Add([]byte(`<plist version="1.0"><dict><key>Status</key><string>Error</string></dict></plist>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := DecodeAnswer(iphone, "sr-d-1-1-look", b)
		if err == nil && (e.Kind == 0 || e.Observed != nil && e.Observed.InForce&^mdm.All != 0) {
			t.Errorf("%+v", e)
		}
	})
}

func TestDecodeAnswer(t *testing.T) {
	for status, want := range map[string]mdm.EventKind{"Acknowledged": mdm.Acked, "NotNow": mdm.Busy, "Error": mdm.Failed, "CommandFormatError": mdm.Failed, "Idle": 0} {
		e, err := DecodeAnswer(iphone, "sr-d-1-1-lock", []byte(`<plist version="1.0"><dict><key>Status</key><string>`+status+`</string></dict></plist>`))
		if e.Kind != want || (err == nil) != (want != 0) {
			t.Errorf("%s: %+v, %v", status, e, err)
		}
	}
}
