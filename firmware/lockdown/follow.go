package lockdown

import (
	"strconv"
	"strings"

	"subrosa/mdm"
)

// Follow takes a wish that somebody else has published, so that whoever only looks on, such as a console, counts as the room
// does. It keeps how many devices there are, not which.
func (d *Desk) Follow(w mdm.Desired) {
	if w.Version <= d.mem.Version {
		return
	}
	was := d.mem.Locked
	d.mem.Version, d.mem.Holder, d.mem.HardEnd = w.Version, w.Session, w.HardEnd
	d.mem.Locked, d.mem.Devices = w.Mode == mdm.Locked, nil
	if !d.mem.Locked {
		return
	}
	d.mem.Devices = make([]string, len(w.Devices))
	if !was {
		d.mem.First = began(w)
	}
}

// began is the version with which a holder began to hold: the end of its name, as Step gives it.
func began(w mdm.Desired) uint64 {
	v, err := strconv.ParseUint(w.Session[strings.LastIndexByte(w.Session, '-')+1:], 36, 64)
	if err != nil || v == 0 || v > w.Version {
		return w.Version
	}
	return v
}
