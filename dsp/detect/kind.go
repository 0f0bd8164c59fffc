package detect

import "fmt"

// Kind is a published kind of finding. The order is part of the sensor's 16-byte records: append only.
type Kind uint8

const (
	None Kind = iota
	UltrasonicBeacon
	UltrasonicTone
	UltrasonicNoise
	InaudibleCommand
	TDMABuzz
	NewEmitter
	Burst
	OccupiedBand
	CarriesRoomSound
	TDMAEmitter
	PhoneActivity
	AssistantActivity
	WearableCamera
	VoiceRecorder
	Tracker
	BroadcastAudio
	HeadsetInUse
	Hotspot
	CameraSetup
	OwnNetworkStream
	SpoofingSuspected
	AVHot
	SensorTamper
	SensorDead
	CoverageLoss
	kinds // count
)

// Sense is the physical sense a kind of finding comes from.
type Sense string

const (
	Acoustic Sense = "acoustic"
	Radio    Sense = "radio"
	BLE      Sense = "ble"
	WiFi     Sense = "wifi"
	Net      Sense = "net"
	AV       Sense = "av"
	Health   Sense = "health"
)

// Bands names the parts of the radio spectrum a finding can lie in. Append only, like Kind.
var bands = []string{
	"unknown", "ism433", "ism868", "ism915", "ism315", "ism27", "pmr", "fm", "dab", "airband", "vhf-high", "uhf-low",
	"tetra", "gsm900-ul", "gsm900-dl", "lte28-ul", "lte20-ul", "lte20-dl", "lte8-ul", "hall-mic", "dect", "ism2400",
	"uhf-tv", "pager", "adsb", "freenet", "cb", "gsm1800-ul", "gps", "short-wave", "other",
}

var classes = []string{"unknown", "phone", "siri", "airpods", "glasses", "ai-recorder", "find-my", "smart-tag", "auracast", "headset", "camera"}

var table = [kinds]struct {
	slug  string
	sense Sense
	names []string
}{
	None: {"none", Health, nil},
	UltrasonicBeacon: {"ultrasonic-beacon", Acoustic, []string{"unknown", "google-nearby", "lisnr", "prontoly", "shopkick",
		"silverpush", "signal360", "sonarax", "sonitalk", "ggwave"}},
	UltrasonicTone:    {"ultrasonic-tone", Acoustic, nil},
	UltrasonicNoise:   {"ultrasonic-noise", Acoustic, []string{"jammer"}},
	InaudibleCommand:  {"inaudible-command", Acoustic, nil},
	TDMABuzz:          {"tdma-buzz", Acoustic, nil},
	NewEmitter:        {"new-emitter", Radio, bands},
	Burst:             {"burst", Radio, bands},
	OccupiedBand:      {"occupied-band", Radio, bands},
	CarriesRoomSound:  {"carries-room-sound", Radio, []string{"unknown", "wfm", "nfm", "am", "dsb", "subcarrier", "inverted"}},
	TDMAEmitter:       {"tdma-emitter", Radio, []string{"unknown", "gsm", "dect", "tetra", "dmr"}},
	PhoneActivity:     {"phone-activity", BLE, classes},
	AssistantActivity: {"assistant-activity", BLE, classes},
	WearableCamera:    {"wearable-camera", BLE, classes},
	VoiceRecorder:     {"voice-recorder", BLE, classes},
	Tracker:           {"tracker", BLE, classes},
	BroadcastAudio:    {"broadcast-audio", BLE, classes},
	HeadsetInUse:      {"headset-in-use", BLE, classes},
	Hotspot:           {"hotspot", WiFi, nil},
	CameraSetup:       {"camera-setup", WiFi, nil},
	OwnNetworkStream:  {"own-network-stream", Net, nil},
	SpoofingSuspected: {"spoofing-suspected", BLE, nil},
	AVHot:             {"av-hot", AV, []string{"stream", "recorder", "hall-mic", "hearing-loop", "overflow-speaker"}},
	SensorTamper:      {"sensor-tamper", Health, []string{"unknown", "grammar", "excess", "restart", "enclosure"}},
	SensorDead: {"sensor-dead", Health, []string{"unknown", "sensor-process", "microphone", "receiver", "journal", "outbox",
		"state", "broker", "clock", "storage", "panel"}},
	CoverageLoss: {"coverage-loss", Health, []string{"unknown", "sound", "radio"}},
}

// Kinds returns every published kind in record order.
func Kinds() []Kind {
	ks := make([]Kind, 0, kinds-1)
	for k := None + 1; k < kinds; k++ {
		ks = append(ks, k)
	}
	return ks
}

// String returns the published slug, such as "ultrasonic-beacon".
func (k Kind) String() string {
	if k >= kinds {
		return fmt.Sprintf("kind-%d", uint8(k))
	}
	return table[k].slug
}

// Valid reports whether k is a published kind.
func (k Kind) Valid() bool { return k > None && k < kinds }

// Sense returns the sense that k comes from.
func (k Kind) Sense() Sense {
	if k >= kinds {
		return Health
	}
	return table[k].sense
}

// Names returns the published names of k in record order; nil where k has none. Do not modify it.
func (k Kind) Names() []string {
	if k >= kinds {
		return nil
	}
	return table[k].names
}

// NameIndex returns the position of name in k.Names, or 0, false when it is not one of them.
func (k Kind) NameIndex(name string) (int, bool) {
	for i, n := range k.Names() {
		if n == name {
			return i, true
		}
	}
	return 0, false
}

// ParseKind is the inverse of String.
func ParseKind(slug string) (Kind, error) {
	for k := None + 1; k < kinds; k++ {
		if table[k].slug == slug {
			return k, nil
		}
	}
	return None, fmt.Errorf("detect: no kind %q", slug)
}

// MarshalText returns the slug.
func (k Kind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText accepts only published slugs.
func (k *Kind) UnmarshalText(b []byte) (err error) {
	*k, err = ParseKind(string(b))
	return err
}
