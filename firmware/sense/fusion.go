package sense

import "subrosa/dsp/detect"

// fusion makes one finding of what several microphones hear of the same thing. Findings of two channels are the same
// if their kinds are equal, their bands touch, their times overlap, and their names do not contradict each other:
// a channel that hears badly may not know the name. What is told is the first that was confirmed; the finding is over
// when the last channel has lost it, with the figures of the one that heard it best and the name that any of them knew.
type fusion struct {
	open   []fused // what lasts, and what ended less than keep ago
	number uint32  // of the last finding
	keep   int64   // samples
}

// fused is one finding.
type fused struct {
	told    detect.Detection // first confirmed, with its number for a track; its name as soon as a channel knows it
	best    detect.Detection // greatest SNR at its end
	members []member         // channels that hear it now
	start   int64
	end     int64 // of those channels that have lost it
	over    bool
}

// member is a channel's own finding.
type member struct {
	channel int
	track   uint32
}

// keepSeconds is how long a finding that is over takes in a slower channel's: longer than any beacon takes to confirm.
const keepSeconds = 10

func newFusion(rate int) *fusion { return &fusion{keep: keepSeconds * int64(rate)} }

// take appends to dst what is to be told of the findings of one channel, until sample index now.
func (f *fusion) take(dst []detect.Detection, channel int, now int64, ds []detect.Detection) []detect.Detection {
	f.forget(now)
	for i := range ds {
		if d := &ds[i]; d.Edge == detect.Appeared {
			dst = f.appeared(dst, member{channel, d.Track}, d)
		} else {
			dst = f.gone(dst, member{channel, d.Track}, d)
		}
	}
	return dst
}

func (f *fusion) appeared(dst []detect.Detection, m member, d *detect.Detection) []detect.Detection {
	for i := range f.open {
		if u := &f.open[i]; u.same(d) {
			u.members = append(u.members, m)
			u.start = min(u.start, d.Start)
			u.learn(d)
			return dst
		}
	}
	u := f.slot()
	f.number++
	u.told, u.start, u.end, u.over = *d, d.Start, d.End, false
	u.told.Track = f.number
	u.best = detect.Detection{}
	u.members = append(u.members[:0], m)
	return append(dst, u.told)
}

func (f *fusion) gone(dst []detect.Detection, m member, d *detect.Detection) []detect.Detection {
	for i := range f.open {
		u := &f.open[i]
		if !u.drop(m) {
			continue
		}
		u.end = max(u.end, d.End)
		u.learn(d)
		if u.best.Edge != detect.Gone || d.SNRDB > u.best.SNRDB {
			u.best = *d
		}
		if len(u.members) > 0 || u.over {
			return dst
		}
		u.over = true
		last := u.best
		last.Track, last.Name, last.Confidence, last.Alarm = u.told.Track, u.told.Name, u.told.Confidence, u.told.Alarm
		last.Start, last.End = u.start, u.end
		return append(dst, last)
	}
	return dst
}

// slot returns a place for a finding, memory of an earlier one where there is one.
func (f *fusion) slot() *fused {
	if n := len(f.open); n < cap(f.open) {
		f.open = f.open[:n+1]
	} else {
		f.open = append(f.open, fused{})
	}
	return &f.open[len(f.open)-1]
}

// forget drops what has been over for long.
func (f *fusion) forget(now int64) {
	for i := len(f.open) - 1; i >= 0; i-- {
		if u := &f.open[i]; u.over && len(u.members) == 0 && now-u.end > f.keep {
			last := len(f.open) - 1
			f.open[i], f.open[last] = f.open[last], f.open[i]
			f.open = f.open[:last]
		}
	}
}

// same reports whether d is what u is.
func (u *fused) same(d *detect.Detection) bool {
	t := &u.told
	apart := t.Hz - d.Hz
	if apart < 0 {
		apart = -apart
	}
	return t.Kind == d.Kind && t.Alarm == d.Alarm && agree(t.Name, d.Name) && apart <= (t.BwHz+d.BwHz)/2 &&
		d.End > u.start && (len(u.members) > 0 || d.Start < u.end)
}

// unknown is the name of what has none yet, in the kinds that have names.
const unknown = "unknown"

// learn takes the name of d over if it is the first that is known.
func (u *fused) learn(d *detect.Detection) {
	if u.told.Name == unknown && d.Name != unknown {
		u.told.Name, u.told.Confidence = d.Name, d.Confidence
	}
}

func agree(a, b string) bool { return a == b || a == unknown || b == unknown }

// drop takes a channel's finding out, and reports whether it was there.
func (u *fused) drop(m member) bool {
	for i, o := range u.members {
		if o == m {
			u.members = append(u.members[:i], u.members[i+1:]...)
			return true
		}
	}
	return false
}
