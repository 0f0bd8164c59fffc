package finding

import (
	"math"
	"slices"

	"subrosa/dsp/detect"
)

// Cause is the slug of the likeliest innocent explanation of a finding, "" where none is known.
type Cause string

// Published causes.
const (
	OldTelevision   Cause = "old-television"
	MotionSensor    Cause = "motion-sensor"
	PowerSupply     Cause = "power-supply"
	AnimalDeterrent Cause = "animal-deterrent"
	AdvertBeacon    Cause = "advert-beacon"
	PairingTone     Cause = "pairing-tone"
	DataOverSound   Cause = "data-over-sound"
	PhoneNearCable  Cause = "phone-near-cable"

	SmallRadio       Cause = "small-radio"
	WirelessAudio    Cause = "wireless-audio"
	BuildingRadio    Cause = "building-radio"
	ToyRadio         Cause = "toy-radio"
	Broadcast        Cause = "broadcast"
	GuideTransmitter Cause = "guide-transmitter"
	HallMicrophone   Cause = "hall-microphone"
	HouseRadio       Cause = "house-radio"
	PublicSafety     Cause = "public-safety"
	PagerRadio       Cause = "pager"
	Aircraft         Cause = "aircraft"
	BaseStation      Cause = "base-station"
	MobilePhone      Cause = "mobile-phone"
	CordlessPhone    Cause = "cordless-phone"
	WirelessNetwork  Cause = "wireless-network"
	Electronics      Cause = "electronics"
	HallSound        Cause = "hall-sound"

	FalseWake      Cause = "false-wake"
	IdleGlasses    Cause = "idle-glasses"
	IdleRecorder   Cause = "idle-recorder"
	KeyFinder      Cause = "key-finder"
	HearingSystem  Cause = "hearing-system"
	Headset        Cause = "headset"
	SharedInternet Cause = "shared-internet"
	NewDevice      Cause = "new-device"
	OwnConference  Cause = "own-conference"
	SameModel      Cause = "same-model"

	LeftOn         Cause = "left-on"
	BusyRoom       Cause = "busy-room"
	Cleaning       Cause = "cleaning"
	SoftwareFault  Cause = "software-fault"
	LooseCable     Cause = "loose-cable"
	NetworkOutage  Cause = "network-outage"
	TimeServer     Cause = "time-server"
	StorageFull    Cause = "storage-full"
	CoveredUp      Cause = "covered-up"
	ReceiverInUse  Cause = "receiver-in-use"
	MicrophoneMute Cause = "microphone-mute"
)

// rule gives the cause of findings of a kind, with one of names (none: any), between lo and hi Hz (both 0: any).
type rule struct {
	kind   detect.Kind
	names  []string
	lo, hi float64
	cause  Cause
}

// bandCauses holds for every kind that is named after a band, unless rules says otherwise.
var bandCauses = map[string]Cause{
	"ism433": SmallRadio, "ism315": SmallRadio, "ism868": BuildingRadio, "ism915": SmallRadio, "ism27": ToyRadio,
	"pmr": HouseRadio, "freenet": HouseRadio, "cb": HouseRadio, "vhf-high": HouseRadio, "uhf-low": HouseRadio,
	"fm": Broadcast, "dab": Broadcast, "uhf-tv": Broadcast, "hall-mic": HallMicrophone,
	"tetra": PublicSafety, "pager": PagerRadio, "airband": Aircraft, "adsb": Aircraft,
	"gsm900-ul": MobilePhone, "gsm1800-ul": MobilePhone, "lte28-ul": MobilePhone, "lte20-ul": MobilePhone,
	"lte8-ul": MobilePhone, "gsm900-dl": BaseStation, "lte20-dl": BaseStation,
	"dect": CordlessPhone, "ism2400": WirelessNetwork,
	"gps": Electronics, "short-wave": Electronics, "unknown": Electronics, "other": Electronics, "": Electronics,
}

// rules are tried in order; the first that fits wins.
var rules = []rule{
	{detect.UltrasonicBeacon, []string{"google-nearby"}, 0, 0, PairingTone},
	{detect.UltrasonicBeacon, []string{"lisnr", "prontoly", "shopkick", "silverpush", "signal360"}, 0, 0, AdvertBeacon},
	{detect.UltrasonicBeacon, []string{"ggwave", "sonarax", "sonitalk"}, 0, 0, DataOverSound},
	{detect.UltrasonicBeacon, nil, 0, 0, PairingTone},
	{detect.UltrasonicTone, nil, 15.4e3, 15.9e3, OldTelevision}, // line frequencies: 15 625 and 15 734 Hz
	{detect.UltrasonicTone, nil, 24.5e3, 26e3, MotionSensor},    // transducers are made for 25, 32.8 and 40 kHz
	{detect.UltrasonicTone, nil, 32e3, 33.5e3, MotionSensor},
	{detect.UltrasonicTone, nil, 38.5e3, 41.5e3, MotionSensor},
	{detect.UltrasonicTone, nil, 0, 0, PowerSupply},
	{detect.UltrasonicNoise, nil, 0, 0, AnimalDeterrent},
	{detect.InaudibleCommand, nil, 0, 0, AnimalDeterrent},
	{detect.TDMABuzz, nil, 0, 0, PhoneNearCable},

	{detect.NewEmitter, []string{"fm"}, 0, 0, GuideTransmitter},                      // the stations are in the baseline
	{detect.NewEmitter, []string{"ism433", "ism868", "ism915"}, 0, 0, WirelessAudio}, // weather stations pause, this does not
	{detect.CarriesRoomSound, nil, 0, 0, HallSound},
	{detect.TDMAEmitter, []string{"gsm"}, 0, 0, MobilePhone},
	{detect.TDMAEmitter, []string{"dect"}, 0, 0, CordlessPhone},
	{detect.TDMAEmitter, []string{"tetra"}, 0, 0, PublicSafety},
	{detect.TDMAEmitter, nil, 0, 0, HouseRadio},

	{detect.PhoneActivity, nil, 0, 0, MobilePhone},
	{detect.AssistantActivity, nil, 0, 0, FalseWake},
	{detect.WearableCamera, nil, 0, 0, IdleGlasses},
	{detect.VoiceRecorder, nil, 0, 0, IdleRecorder},
	{detect.Tracker, nil, 0, 0, KeyFinder},
	{detect.BroadcastAudio, nil, 0, 0, HearingSystem},
	{detect.HeadsetInUse, nil, 0, 0, Headset},
	{detect.Hotspot, nil, 0, 0, SharedInternet},
	{detect.CameraSetup, nil, 0, 0, NewDevice},
	{detect.OwnNetworkStream, nil, 0, 0, OwnConference},
	{detect.SpoofingSuspected, nil, 0, 0, SameModel},
	{detect.AVHot, []string{"hall-mic"}, 0, 0, HallMicrophone},
	{detect.AVHot, []string{"hearing-loop"}, 0, 0, HearingSystem},
	{detect.AVHot, nil, 0, 0, LeftOn},

	{detect.SensorTamper, []string{"excess"}, 0, 0, BusyRoom},
	{detect.SensorTamper, []string{"enclosure"}, 0, 0, Cleaning},
	{detect.SensorTamper, nil, 0, 0, SoftwareFault},
	{detect.SensorDead, []string{"microphone", "receiver", "panel"}, 0, 0, LooseCable},
	{detect.SensorDead, []string{"broker"}, 0, 0, NetworkOutage},
	{detect.SensorDead, []string{"clock"}, 0, 0, TimeServer},
	{detect.SensorDead, []string{"journal", "outbox", "state", "storage"}, 0, 0, StorageFull},
	{detect.SensorDead, nil, 0, 0, SoftwareFault},
	{detect.CoverageLoss, []string{"sound"}, 0, 0, MicrophoneMute},
	{detect.CoverageLoss, []string{"radio"}, 0, 0, ReceiverInUse},
	{detect.CoverageLoss, nil, 0, 0, CoveredUp},
}

// CauseOf returns the likeliest innocent explanation of a finding at hz; "" for a kind that is not published.
// It says what is usual, not what was measured.
func CauseOf(kind detect.Kind, name string, hz float64) Cause {
	hz = math.Abs(hz)
	for _, r := range rules {
		if r.kind == kind && (r.names == nil || slices.Contains(r.names, name)) && (r.hi == 0 || hz >= r.lo && hz <= r.hi) {
			return r.cause
		}
	}
	switch kind {
	case detect.NewEmitter, detect.Burst, detect.OccupiedBand:
		if c, ok := bandCauses[name]; ok {
			return c
		}
		return Electronics
	}
	return ""
}

// Causes returns every published cause in a fixed order.
func Causes() []Cause {
	cs := make([]Cause, len(causeTexts))
	for i, t := range causeTexts {
		cs[i] = t.cause
	}
	return cs
}

// Valid reports whether c is published.
func (c Cause) Valid() bool { return c.texts() != nil }

// Text says in one line what the finding most likely is: in German, or in English for "en". "" for no cause.
func (c Cause) Text(lang string) string {
	if t := c.texts(); t != nil {
		return t.why.in(lang)
	}
	return ""
}

// Advice says in one more line what to do.
func (c Cause) Advice(lang string) string {
	if t := c.texts(); t != nil {
		return t.todo.in(lang)
	}
	return noCause.in(lang)
}

func (c Cause) texts() *causeText {
	for i := range causeTexts {
		if causeTexts[i].cause == c {
			return &causeTexts[i]
		}
	}
	return nil
}
