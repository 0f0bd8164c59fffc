package emitter

// band is a part of the spectrum with one use, in Germany unless its name says otherwise (Frequenzplan of the
// Bundesnetzagentur; first match counts).
type band struct {
	lo, hi   float64 // Hz
	name     string
	expected bool // services that are on the air all day wherever the room stands: information, no alarm
	shared   bool // full of short-range devices: a short burst is no alarm
}

var bands = []band{
	{26.957e6, 27.283e6, "ism27", false, true},
	{26.565e6, 27.405e6, "cb", false, true},
	{1.5e6, 26.565e6, "short-wave", true, false},
	{87.5e6, 108e6, "fm", true, false},
	{108e6, 137e6, "airband", true, true},
	{149.02e6, 149.12e6, "freenet", false, true},
	{137e6, 174e6, "vhf-high", false, false},
	{174e6, 230e6, "dab", true, false},
	{314e6, 316e6, "ism315", false, true},
	{380e6, 400e6, "tetra", true, true},
	{433.05e6, 434.79e6, "ism433", false, true},
	{446e6, 446.2e6, "pmr", false, true},
	{465.95e6, 466.25e6, "pager", true, true},
	{400e6, 470e6, "uhf-low", false, false},
	{470e6, 694e6, "uhf-tv", true, false},
	{703e6, 733e6, "lte28-ul", false, false},
	{791e6, 821e6, "lte20-dl", true, false},
	{823e6, 832e6, "hall-mic", false, false},
	{832e6, 862e6, "lte20-ul", false, false},
	{863e6, 865e6, "hall-mic", false, false},
	{865e6, 870e6, "ism868", false, true},
	{880e6, 915e6, "gsm900-ul", false, false},
	{915e6, 925e6, "ism915", false, true},
	{925e6, 960e6, "gsm900-dl", true, false},
	{1089e6, 1091e6, "adsb", true, true},
	{1574e6, 1577e6, "gps", true, false},
	{1710e6, 1785e6, "gsm1800-ul", false, false},
	{1880e6, 1900e6, "dect", false, false},
	{2400e6, 2483.5e6, "ism2400", true, true},
}

// lookUp returns the band that hz lies in; name "other" outside all of them, "unknown" for hz = 0 or less.
func lookUp(hz float64) band {
	if hz <= 0 {
		return band{name: "unknown"}
	}
	for _, b := range bands {
		if hz >= b.lo && hz < b.hi {
			return b
		}
	}
	return band{name: "other"}
}

// BandName returns the published name of the band that hz lies in.
func BandName(hz float64) string { return lookUp(hz).name }
