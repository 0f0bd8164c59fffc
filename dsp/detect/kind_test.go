package detect

import (
	"strings"
	"testing"
)

// published is the vocabulary in the order of the sensor's records, with the names of each kind. It is API: lines and
// names are appended, never moved, renamed or dropped.
const published = `ultrasonic-beacon unknown google-nearby lisnr prontoly shopkick silverpush signal360 sonarax sonitalk ggwave
ultrasonic-tone
ultrasonic-noise jammer
inaudible-command
tdma-buzz
new-emitter BANDS
burst BANDS
occupied-band BANDS
carries-room-sound unknown wfm nfm am dsb subcarrier inverted
tdma-emitter unknown gsm dect tetra dmr
phone-activity CLASSES
assistant-activity CLASSES
wearable-camera CLASSES
voice-recorder CLASSES
tracker CLASSES
broadcast-audio CLASSES
headset-in-use CLASSES
hotspot
camera-setup
own-network-stream
spoofing-suspected
av-hot stream recorder hall-mic hearing-loop overflow-speaker
sensor-tamper unknown grammar excess restart enclosure
sensor-dead unknown sensor-process microphone receiver journal outbox state broker clock storage panel
coverage-loss unknown sound radio`

const publishedBands = "unknown ism433 ism868 ism915 ism315 ism27 pmr fm dab airband vhf-high uhf-low tetra gsm900-ul gsm900-dl " +
	"lte28-ul lte20-ul lte20-dl lte8-ul hall-mic dect ism2400 uhf-tv pager adsb freenet cb gsm1800-ul gps short-wave other"

const publishedClasses = "unknown phone siri airpods glasses ai-recorder find-my smart-tag auracast headset camera"

func TestPublishedVocabulary(t *testing.T) {
	want := strings.Split(strings.NewReplacer("BANDS", publishedBands, "CLASSES", publishedClasses).Replace(published), "\n")
	kinds := Kinds()
	if len(kinds) < len(want) {
		t.Fatalf("%d kinds, %d have been published", len(kinds), len(want))
	}
	for i, line := range want {
		names := strings.Fields(line)
		k := kinds[i]
		if k != Kind(i+1) || k.String() != names[0] {
			t.Errorf("kind %d is %v, published as %s", i+1, k, names[0])
			continue
		}
		got := k.Names()
		if len(got) < len(names)-1 {
			t.Errorf("%v has %d names, %d have been published", k, len(got), len(names)-1)
			continue
		}
		for j, n := range names[1:] {
			if got[j] != n {
				t.Errorf("name %d of %v is %q, published as %q", j, k, got[j], n)
			}
			if at, ok := k.NameIndex(n); !ok || at != j {
				t.Errorf("NameIndex(%q) of %v: %d, %v, want %d", n, k, at, ok, j)
			}
		}
	}
}

// TestFitsTheRecord: a record has five bits for the kind and five for the name.
func TestFitsTheRecord(t *testing.T) {
	for _, k := range Kinds() {
		if k > 31 || len(k.Names()) > 32 {
			t.Errorf("%v is number %d with %d names; the record has room for 31 and 32", k, uint8(k), len(k.Names()))
		}
		if k.Sense() == "" {
			t.Errorf("%v has no sense", k)
		}
	}
}

func FuzzUnmarshalText(f *testing.F) {
	for _, k := range Kinds() {
		f.Add([]byte(k.String()))
	}
	f.Add([]byte("none"))
	f.Add([]byte("kind-40"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var k Kind
		if err := k.UnmarshalText(b); err != nil {
			return
		}
		if back, err := k.MarshalText(); err != nil || string(back) != string(b) || !k.Valid() {
			t.Errorf("%q is taken for kind %d, which is written %q (%v)", b, uint8(k), back, err)
		}
	})
}
