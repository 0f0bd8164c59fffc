package call

import (
	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/signal"
)

// KindRecording is the kind of entries about recordings.
const KindRecording = "conference.recording"

// tape is what is known of a recording.
type tape struct {
	by       *Seat                // whose device records; nil: none
	what     signal.RecordingWhat // was said last of it
	withdrew map[string]bool      // participants that took their consent back
}

// recordingBy notes what is said of a recording. The server records nothing and decides nothing: the members' devices do, by
// signed words that the server cannot read. It keeps when one ran, by whose role, and that somebody took their consent back.
func (c *Call) recordingBy(s *Seat, m *signal.Recording) *signal.Error {
	if m.What == signal.RecordingWithdrawn {
		if c.tape.by != nil && !c.tape.withdrew[s.id] {
			c.tape.withdrew[s.id] = true
			c.noteRecording(m.What, s)
		}
		return nil
	}
	if !level.May(s.who.Role, level.Moderate) || c.tape.by != nil && c.tape.by != s {
		return wrong("recording", "right")
	}
	if m.What != signal.RecordingBegin {
		if c.tape.by == s && m.What != c.tape.what {
			c.noteRecording(m.What, s)
		}
		return nil
	}
	if !level.For(c.level).Recording || c.pending != "" || s.lobby {
		return wrong("recording", "level")
	}
	if c.tape.what != m.What {
		if c.tape.by == nil {
			c.tape.withdrew = map[string]bool{}
		}
		c.tape.by = s
		c.noteRecording(m.What, s)
	}
	return nil
}

func (c *Call) noteRecording(what signal.RecordingWhat, s *Seat) {
	c.note(KindRecording, map[string]any{"what": string(what), "role": string(s.who.Role)})
	switch what {
	case signal.RecordingWithdrawn:
	case signal.RecordingEnd:
		c.tape.by, c.tape.what = nil, ""
	default:
		c.tape.what = what
	}
}

// recordingOver notes the end of a recording whose device has gone, or which the level does not allow any more.
func (c *Call) recordingOver() {
	if s := c.tape.by; s != nil && (c.seats[s.id] != s || !level.For(c.level).Recording || c.pending != "") {
		c.noteRecording(signal.RecordingEnd, s)
	}
}
