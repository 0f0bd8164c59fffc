package compliance

import (
	"slices"

	"subrosa/dsp/detect"
)

// What is counted.
var (
	closedParts = Text{"nichtöffentlichen Teilen", "closed parts"}
	endedParts  = Text{"beendeten nichtöffentlichen Teilen", "ended closed parts"}
	records     = Text{"Einträgen", "entries"}
)

// tally counts sessions with a closed part; look says whether one could be examined and whether it was in order. What was
// seen to be out of order counts as examined, however little else was seen.
func tally(f *Figures, look func(Session) (checked, met bool)) Tally {
	t := Tally{Of: closedParts}
	for _, s := range f.Closed() {
		t.Total++
		checked, met := look(s)
		if checked || !met {
			t.Checked++
		}
		if checked && met {
			t.Met++
		}
	}
	return t
}

// closedAfterUse: windows and doors were closed CloseWithin after the session.
func closedAfterUse(f *Figures) Tally {
	t := Tally{Of: endedParts}
	for _, s := range f.Closed() {
		if s.Ended.IsZero() {
			continue
		}
		t.Total++
		if s.After != AfterUnknown {
			t.Checked++
		}
		if s.After == AllClosed {
			t.Met++
		}
	}
	return t
}

// checkedAfterUse: the check after the session took place, whatever it found. Where it did not, people may have looked.
func checkedAfterUse(f *Figures) Tally {
	t := closedAfterUse(f)
	t.Met = t.Checked
	return t
}

// underPolicy: a policy was in force, by its hash. Without one the level may be laid down elsewhere.
func underPolicy(f *Figures) Tally {
	return tally(f, func(s Session) (bool, bool) { return s.Policy != "", true })
}

// usage: beginning and end are on record, without a time between in which the unit was away. A time that the network has not
// set shows nothing.
func usage(f *Figures) Tally {
	return tally(f, func(s Session) (bool, bool) { return s.Quality == "synced" && !s.Ended.IsZero(), s.Gaps == 0 })
}

// phones are the kinds of findings that a phone may cause.
var phones = []detect.Kind{detect.TDMABuzz, detect.PhoneActivity, detect.AssistantActivity, detect.Hotspot, detect.HeadsetInUse}

// phoneBands are bands in which phones transmit and base stations do not.
var phoneBands = []string{"gsm900-ul", "gsm1800-ul", "lte28-ul", "lte20-ul", "lte8-ul"}

func phoneLike(a Alarm) bool {
	if slices.Contains(phones, a.Finding.Kind) || a.Finding.Kind == detect.TDMAEmitter && a.Finding.Name == "gsm" {
		return true
	}
	return a.Finding.Kind.Sense() == detect.Radio && slices.Contains(phoneBands, a.Finding.Name)
}

// withoutPhones: radio was covered all the time, and no finding as of a phone was left that a person has not explained.
func withoutPhones(f *Figures) Tally {
	return tally(f, func(s Session) (bool, bool) { return s.Radio.Whole() && s.Hidden == 0, !f.found(s, phoneLike) })
}

// searched: radio was looked through at all.
func searched(f *Figures) Tally {
	return tally(f, func(s Session) (bool, bool) {
		return s.Radio.Present && s.Hidden == 0, s.Radio.Whole() || !s.Radio.Present
	})
}

// answered: radio was covered all the time and every radio alarm of the session has a person's answer.
func answered(f *Figures) Tally {
	return tally(f, func(s Session) (bool, bool) {
		return s.Radio.Whole() && s.Hidden == 0, !slices.ContainsFunc(f.Alarms, func(a Alarm) bool {
			return a.Session == s.ID && a.Finding.Kind.Sense() == detect.Radio && !a.Answered()
		})
	})
}

// found reports whether in s an alarm of the kind was raised that nobody has explained as harmless.
func (f *Figures) found(s Session, like func(Alarm) bool) bool {
	return slices.ContainsFunc(f.Alarms, func(a Alarm) bool { return a.Session == s.ID && like(a) && !a.Harmless() })
}

// staysClosed: no window or door with a contact was open in the closed part. A contact at fault, or a time without a
// unit, leaves it open.
func staysClosed(f *Figures) Tally {
	return tally(f, func(s Session) (bool, bool) {
		return s.Contacts > 0 && s.Faults == 0 && s.Gaps == 0 && s.Hidden == 0 && !s.Ended.IsZero(), len(s.Openings) == 0
	})
}

// proven: the room was closed with every point proven and no decision in their place.
func proven(f *Figures) Tally {
	return tally(f, func(s Session) (bool, bool) { return s.Points > 0, len(s.Unproven) == 0 && len(s.Overrides) == 0 })
}

// listened: sound was covered for the whole closed part.
func listened(f *Figures) Tally {
	return tally(f, func(s Session) (bool, bool) {
		return s.Sound.Present && s.Hidden == 0 && !s.Ended.IsZero(), s.Sound.Whole() || !s.Sound.Present
	})
}

// synced: the time of entries came from the network. A demonstration's time tells nothing.
func synced(f *Figures) Tally {
	return Tally{Total: f.All.Count, Checked: f.All.Count - f.Qualities["scenario"], Met: f.Qualities["synced"], Of: records}
}

// dated: entries say what, when and where; those whose payload is gone do not any more.
func dated(f *Figures) Tally {
	n := f.All.Count - min(f.Hidden+f.Qualities["scenario"], f.All.Count)
	return Tally{Total: f.All.Count, Checked: n, Met: min(n, f.Qualities["synced"]), Of: records}
}

// chained: entries were read out of a chain of hashes that held.
func chained(f *Figures) Tally {
	t := Tally{Total: f.All.Count, Checked: f.All.Count, Met: f.All.Count, Of: records}
	if f.Breaks > 0 {
		t.Met = t.Checked - 1
	}
	return t
}
