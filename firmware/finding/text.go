package finding

import (
	"strconv"
	"strings"

	"subrosa/dsp/detect"
)

// kindTexts name what was measured, never what somebody did.
var kindTexts = map[detect.Kind]words{
	detect.UltrasonicBeacon:  {"Ultraschallsignal mit Daten", "Ultrasonic data signal"},
	detect.UltrasonicTone:    {"Gleichmäßiger Ultraschallton", "Steady ultrasonic tone"},
	detect.UltrasonicNoise:   {"Ultraschallrauschen", "Ultrasonic noise"},
	detect.InaudibleCommand:  {"Unhörbares Sprachsignal", "Inaudible speech signal"},
	detect.TDMABuzz:          {"Mobilfunkbrummen im Ton", "Mobile phone buzz in the sound"},
	detect.NewEmitter:        {"Neue Funkaussendung", "New radio emission"},
	detect.Burst:             {"Kurze Funkaussendung", "Short radio emission"},
	detect.OccupiedBand:      {"Belegtes Funkband", "Occupied radio band"},
	detect.CarriesRoomSound:  {"Funkaussendung folgt dem Raumton", "Radio emission follows the room's sound"},
	detect.TDMAEmitter:       {"Funkaussendung im Zeitschlitzverfahren", "Time-slotted radio emission"},
	detect.PhoneActivity:     {"Funkaktivität wie von Telefonen", "Radio activity as of phones"},
	detect.AssistantActivity: {"Funkaktivität wie von Sprachassistenten", "Radio activity as of voice assistants"},
	detect.WearableCamera:    {"Funkkennung wie von Kamerabrillen", "Radio announcement as of camera glasses"},
	detect.VoiceRecorder:     {"Funkkennung wie von Aufzeichnungsgeräten", "Radio announcement as of recorders"},
	detect.Tracker:           {"Funkkennung wie von Schlüsselfindern", "Radio announcement as of key finders"},
	detect.BroadcastAudio:    {"Offene Tonübertragung per Bluetooth", "Open audio broadcast over Bluetooth"},
	detect.HeadsetInUse:      {"Kopfhörer in Benutzung", "Headset in use"},
	detect.Hotspot:           {"Mobiler WLAN-Zugangspunkt", "Mobile Wi-Fi hotspot"},
	detect.CameraSetup:       {"Netzgerät im Einrichtungsmodus", "Network device in set-up mode"},
	detect.OwnNetworkStream:  {"Datenstrom aus dem eigenen Netz", "Stream out of the own network"},
	detect.SpoofingSuspected: {"Widersprüchliche Funkkennung", "Contradictory radio announcement"},
	detect.AVHot:             {"Saaltechnik noch eingeschaltet", "Hall equipment still on"},
	detect.SensorTamper:      {"Gerät: auffälliges Verhalten", "Unit: conspicuous behaviour"},
	detect.SensorDead:        {"Gerät: Ausfall", "Unit: failure"},
	detect.CoverageLoss:      {"Gerät: Abdeckung verringert", "Unit: coverage reduced"},
}

// nameTexts holds for every kind, unless kindNames has a text of its own.
var nameTexts = map[string]words{
	"unknown": {"Verfahren unbekannt", "technique unknown"},
	"other":   {"sonstiges Band", "other band"},
	"jammer":  {"Störgerät", "jammer"},

	"google-nearby": {"Google Nearby", "Google Nearby"}, "lisnr": {"Lisnr", "Lisnr"},
	"prontoly": {"Prontoly", "Prontoly"}, "shopkick": {"Shopkick", "Shopkick"},
	"silverpush": {"SilverPush", "SilverPush"}, "signal360": {"Signal360", "Signal360"},
	"sonarax": {"Sonarax", "Sonarax"}, "sonitalk": {"SoniTalk", "SoniTalk"}, "ggwave": {"ggwave", "ggwave"},

	"ism433": {"433-MHz-Band", "433 MHz band"}, "ism868": {"868-MHz-Band", "868 MHz band"},
	"ism915": {"915-MHz-Band", "915 MHz band"}, "ism315": {"315-MHz-Band", "315 MHz band"},
	"ism27": {"27-MHz-Band", "27 MHz band"}, "ism2400": {"2,4-GHz-Band", "2.4 GHz band"},
	"pmr": {"PMR-Jedermannfunk", "PMR446"}, "freenet": {"Freenet-Jedermannfunk", "Freenet"}, "cb": {"CB-Funk", "CB radio"},
	"fm": {"UKW-Rundfunk", "FM broadcast"}, "dab": {"Digitalradio", "Digital radio"},
	"uhf-tv": {"Fernsehband", "TV band"}, "short-wave": {"Kurzwelle", "short wave"},
	"airband": {"Flugfunk", "air band"}, "adsb": {"Flugzeugortung", "aircraft transponders"}, "gps": {"Satellitennavigation", "satellite navigation"},
	"vhf-high": {"Betriebsfunk 2 m", "land mobile VHF"}, "uhf-low": {"Betriebsfunk 70 cm", "land mobile UHF"},
	"tetra": {"TETRA", "TETRA"}, "pager": {"Funkruf", "paging"}, "hall-mic": {"Funkmikrofone", "wireless microphones"},
	"gsm900-ul": {"Mobilfunk 900 MHz, Endgeräte", "mobile 900 MHz, handsets"}, "gsm900-dl": {"Mobilfunk 900 MHz, Masten", "mobile 900 MHz, masts"},
	"gsm1800-ul": {"Mobilfunk 1800 MHz, Endgeräte", "mobile 1800 MHz, handsets"},
	"lte28-ul":   {"Mobilfunk 700 MHz, Endgeräte", "mobile 700 MHz, handsets"}, "lte20-ul": {"Mobilfunk 800 MHz, Endgeräte", "mobile 800 MHz, handsets"},
	"lte20-dl": {"Mobilfunk 800 MHz, Masten", "mobile 800 MHz, masts"}, "lte8-ul": {"LTE 900 MHz, Endgeräte", "LTE 900 MHz, handsets"},
	"dect": {"DECT", "DECT"}, "gsm": {"GSM", "GSM"}, "dmr": {"DMR", "DMR"},

	"wfm": {"Breitband-FM", "wide FM"}, "nfm": {"Schmalband-FM", "narrow FM"}, "am": {"AM", "AM"},
	"dsb": {"Zweiseitenband", "double sideband"}, "subcarrier": {"Hilfsträger", "subcarrier"}, "inverted": {"Sprachinvertierung", "speech inversion"},

	"phone": {"Telefone", "phones"}, "siri": {"Siri", "Siri"}, "airpods": {"AirPods", "AirPods"}, "glasses": {"Brillen", "glasses"},
	"ai-recorder": {"KI-Rekorder", "AI recorders"}, "find-my": {"Find My", "Find My"}, "smart-tag": {"Smart Tags", "smart tags"},
	"auracast": {"Auracast", "Auracast"}, "headset": {"Kopfhörer", "headsets"}, "camera": {"Kameras", "cameras"},

	"stream": {"Übertragung", "stream"}, "recorder": {"Aufzeichnung", "recorder"},
	"hearing-loop": {"Höranlage", "hearing loop"}, "overflow-speaker": {"Lautsprecher im Nebenraum", "overflow loudspeaker"},

	"grammar": {"unzulässige Meldung des Messfühlers", "malformed record from the sensor"},
	"excess":  {"mehr Befunde als üblich, zusammengefasst", "more findings than usual, merged"},
	"restart": {"unerwarteter Neustart", "unexpected restart"}, "enclosure": {"Gehäuse", "enclosure"},
	"sensor-process": {"Messprogramm", "sensor process"}, "microphone": {"Mikrofon", "microphone"}, "receiver": {"Funkempfänger", "radio receiver"},
	"journal": {"Nachweisbuch", "journal"}, "outbox": {"Postausgang", "outbox"}, "state": {"Zustandsdatei", "state file"},
	"broker": {"Verbindung zur Zentrale", "connection to the console"}, "clock": {"Uhr", "clock"}, "storage": {"Speicher", "storage"},
	"panel": {"Lampe, Taster, Kontakte oder Relais", "lamp, button, contacts or relays"},
	"sound": {"Schall", "sound"}, "radio": {"Funk", "radio"},
}

type kindName struct {
	kind detect.Kind
	name string
}

var kindNames = func() map[kindName]words {
	m := map[kindName]words{{detect.AVHot, "hall-mic"}: {"Saalmikrofon", "hall microphone"}}
	for _, k := range []detect.Kind{detect.NewEmitter, detect.Burst, detect.OccupiedBand} {
		m[kindName{k, "unknown"}] = words{"Band unbekannt", "band unknown"}
	}
	for _, k := range []detect.Kind{detect.PhoneActivity, detect.AssistantActivity, detect.WearableCamera, detect.VoiceRecorder,
		detect.Tracker, detect.BroadcastAudio, detect.HeadsetInUse} {
		m[kindName{k, "unknown"}] = words{"Bauart unbekannt", "model unknown"}
	}
	for _, k := range []detect.Kind{detect.SensorTamper, detect.SensorDead, detect.CoverageLoss} {
		m[kindName{k, "unknown"}] = words{"Ursache offen", "cause open"}
	}
	return m
}()

// KindText returns what people call kind: in German, or in English for "en".
func KindText(lang string, kind detect.Kind) string {
	if w, ok := kindTexts[kind]; ok {
		return w.in(lang)
	}
	return kind.String()
}

// NameText returns what people call a name, or band, of kind. "" stays "".
func NameText(lang string, kind detect.Kind, name string) string {
	if w, ok := kindNames[kindName{kind, name}]; ok {
		return w.in(lang)
	}
	if w, ok := nameTexts[name]; ok {
		return w.in(lang)
	}
	return name
}

// Title returns the finding in one short line: "Ultraschallsignal mit Daten (SilverPush), 18,5 kHz".
func (f *Finding) Title(lang string) string {
	s := KindText(lang, f.Kind)
	if f.Name != "" {
		s += " (" + NameText(lang, f.Kind, f.Name) + ")"
	}
	if f.Hz > 0 {
		s += ", " + Hertz(lang, f.Hz)
	}
	return s
}

// Why returns the likely innocent cause in one line, "" if none is known.
func (f *Finding) Why(lang string) string { return f.Cause.Text(lang) }

// Advice returns what to do in one line.
func (f *Finding) Advice(lang string) string { return f.Cause.Advice(lang) }

// Hertz writes a frequency the way people read it: 15,62 kHz, 433,92 MHz; with a point for "en".
func Hertz(lang string, hz float64) string {
	unit, div, prec := "Hz", 1.0, 0
	switch a := max(hz, -hz); {
	case a >= 1e9:
		unit, div, prec = "GHz", 1e9, 3
	case a >= 1e6:
		unit, div, prec = "MHz", 1e6, 3
	case a >= 1e3:
		unit, div, prec = "kHz", 1e3, 2
	}
	s := strconv.FormatFloat(hz/div, 'f', prec, 64)
	if prec > 0 {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if lang != "en" {
		s = strings.Replace(s, ".", ",", 1)
	}
	return s + "\u00a0" + unit
}
