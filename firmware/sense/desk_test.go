package sense

import (
	"fmt"
	"slices"
	"testing"

	"subrosa/dsp/detect"
	"subrosa/firmware/record"
	"subrosa/firmware/slot"
)

// room drives a desk as a room unit does: poll by poll, with the sliding window of the slots.
type room struct {
	t      *testing.T
	desk   *Desk
	poll   int
	filled []int
	closed bool
	got    []record.Record
	tracks uint32
}

func newRoom(t *testing.T) *room {
	d := NewDesk()
	none := func([]float64) {}
	for i := range d.streams {
		d.streams[i] = &stream{rate: 1000, levels: none, coverage: func(*[8]record.Share, record.Share) {}}
	}
	return &room{t: t, desk: d}
}

func (r *room) left() int {
	in := func(window int) (n int) {
		for _, p := range r.filled {
			if r.poll-p < window {
				n++
			}
		}
		return n
	}
	left := slot.PerMinute - in(minute)
	if r.closed {
		left = min(left, slot.PerHour-in(hour))
	}
	return max(0, left)
}

// polls asks n times and returns what was said.
func (r *room) polls(n int) []record.Record {
	r.t.Helper()
	from := len(r.got)
	for range n {
		r.poll++
		left := r.left()
		rec := r.desk.Urgent(left, r.closed)
		var b [record.Size]byte
		rec.Encode(&b)
		if rec.Type == record.Empty {
			continue
		}
		if left == 0 {
			r.t.Fatalf("poll %d: %v without a slot", r.poll, rec.Type)
		}
		r.filled = append(r.filled, r.poll)
		r.got = append(r.got, rec)
	}
	return r.got[from:]
}

func (r *room) appear(k detect.Kind, alarm bool) detect.Detection {
	r.tracks++
	d := detect.Detection{Kind: k, Track: r.tracks, Alarm: alarm, Hz: 1000}
	if n := k.Names(); n != nil {
		d.Name = n[0]
	}
	r.desk.take(stream0(k), []detect.Detection{d})
	return d
}

func (r *room) gone(d detect.Detection) {
	d.Edge = detect.Gone
	r.desk.take(stream0(d.Kind), []detect.Detection{d})
}

func stream0(k detect.Kind) int {
	if k.Sense() == detect.Radio {
		return radio
	}
	return sound
}

func say(rs []record.Record) (out []string) {
	for _, r := range rs {
		switch r.Type {
		case record.Appeared, record.Gone:
			out = append(out, fmt.Sprintf("%v %v %d", r.Type, r.Finding.Kind, r.Finding.Number))
		case record.Merged:
			out = append(out, fmt.Sprintf("merged %v %d", r.Overflow.Kind, r.Overflow.Count))
		default:
			out = append(out, r.Type.String())
		}
	}
	return out
}

func (r *room) want(got []record.Record, want ...string) {
	r.t.Helper()
	if s := say(got); !slices.Equal(s, want) {
		r.t.Errorf("said %q, want %q", s, want)
	}
}

func TestTwoRecordsAFinding(t *testing.T) {
	r := newRoom(t)
	d := r.appear(detect.UltrasonicBeacon, true)
	r.want(r.polls(10), "appeared ultrasonic-beacon 1")
	if n := r.desk.Status().Status.Open; n != 1 {
		t.Errorf("status says %d open, want 1", n)
	}
	r.gone(d)
	r.want(r.polls(10), "gone ultrasonic-beacon 1")
	if n := r.desk.Status().Status.Open; n != 0 {
		t.Errorf("status says %d open, want 0", n)
	}
}

func TestOneRecordForWhatIsOverBeforeItsTurn(t *testing.T) {
	r := newRoom(t)
	r.gone(r.appear(detect.UltrasonicBeacon, true))
	r.want(r.polls(10), "gone ultrasonic-beacon 1")
}

func TestFirstOfAKindAlwaysHasASlot(t *testing.T) {
	r := newRoom(t)
	for range 40 {
		r.appear(detect.NewEmitter, true)
	}
	r.polls(60) // all that the emitters may use
	r.appear(detect.UltrasonicBeacon, true)
	r.appear(detect.UltrasonicBeacon, true)
	if left := r.left(); left != slot.FirstOfKind {
		t.Fatalf("%d left, want %d", left, slot.FirstOfKind)
	}
	r.want(r.polls(2), "appeared ultrasonic-beacon 41")
}

func TestInformationDoesNotTakeTheRightOfAnAlarm(t *testing.T) {
	r := newRoom(t)
	for range 20 {
		r.gone(r.appear(detect.Burst, false))
	}
	r.polls(30)
	r.appear(detect.Burst, true)
	got := r.polls(1)
	if len(got) != 1 || !got[0].Finding.Alarm {
		t.Errorf("said %q, want the alarm at once", say(got))
	}
}

// TestAlarmsGoBeforeGoings: six beacons a minute, each two records, are all told at once.
func TestAlarmsGoBeforeGoings(t *testing.T) {
	r := newRoom(t)
	for i := range 60 {
		d := r.appear(detect.UltrasonicBeacon, true)
		if got := r.polls(1); len(got) != 1 || got[0].Type != record.Appeared {
			t.Fatalf("beacon %d: said %q, want it to be told at once", i, say(got))
		}
		r.polls(5)
		r.gone(d)
		r.polls(14)
	}
	if len(r.desk.queue) > 1 {
		t.Errorf("%d findings wait, want at most one", len(r.desk.queue))
	}
}

// TestSuccessorEndsTheOneBefore: where there is no slot for a going, the next finding of the name takes its number.
func TestSuccessorEndsTheOneBefore(t *testing.T) {
	r := newRoom(t)
	first := r.appear(detect.UltrasonicBeacon, true)
	r.want(r.polls(1), "appeared ultrasonic-beacon 1")
	r.gone(first)
	second := r.appear(detect.UltrasonicBeacon, true)
	r.want(r.polls(1), "appeared ultrasonic-beacon 1")
	r.gone(second)
	r.want(r.polls(1), "gone ultrasonic-beacon 1")

	// One that is over before its turn is counted, and one record ends both.
	third := r.appear(detect.UltrasonicBeacon, true)
	r.polls(1)
	r.gone(third)
	r.gone(r.appear(detect.UltrasonicBeacon, true))
	r.want(r.polls(minute), "gone ultrasonic-beacon 2", "merged ultrasonic-beacon 1")
}

// TestEveryFindingIsToldOrCounted is the account of the whole economy: a storm, and what was said of it.
func TestEveryFindingIsToldOrCounted(t *testing.T) {
	for _, closed := range []bool{false, true} {
		r := newRoom(t)
		r.closed = closed
		const findings = 3000
		ks := []detect.Kind{detect.UltrasonicBeacon, detect.NewEmitter, detect.Burst, detect.Burst, detect.UltrasonicTone}
		var open []detect.Detection
		for i := range findings {
			k := ks[i%len(ks)]
			open = append(open, r.appear(k, k == detect.UltrasonicBeacon || k == detect.NewEmitter))
			if len(open) > i%90 {
				r.gone(open[0])
				open = open[1:]
			}
			r.polls(3)
		}
		for _, d := range open {
			r.gone(d)
		}
		if n := len(r.desk.lasting); n != 0 {
			t.Errorf("closed %v: %d last at the end, want 0", closed, n)
		}
		r.polls(40 * hour)
		ids, counted := 0, 0
		open64 := map[uint8]bool{}
		for _, rec := range r.got {
			switch n := rec.Finding.Number; rec.Type {
			case record.Appeared:
				ids++
				open64[n] = true
			case record.Gone:
				if !open64[n] {
					ids++
				}
				delete(open64, n)
			case record.Merged:
				counted += rec.Overflow.Count
			}
		}
		if ids+counted != findings || len(open64) > 0 {
			t.Errorf("closed %v: %d told and %d counted of %d, %d without an end", closed, ids, counted, findings, len(open64))
		}
	}
}

func TestNumbersAreNotReusedWhileOpen(t *testing.T) {
	r := newRoom(t)
	lasts := r.appear(detect.UltrasonicBeacon, true)
	r.polls(1)
	for range 3 * maxEntries {
		r.gone(r.appear(detect.NewEmitter, true))
		for _, rec := range r.polls(30) {
			if rec.Finding.Number == 1 {
				t.Fatalf("%v has the number of the beacon that lasts", rec.Finding.Kind)
			}
		}
	}
	r.gone(lasts)
	r.polls(minute)
	r.want(r.got[len(r.got)-1:], "gone ultrasonic-beacon 1")
}

// TestFullDesk: an alarm finds a place among 64 pieces of information, told or not.
func TestFullDesk(t *testing.T) {
	for _, polls := range []int{0, 30 * minute} {
		r := newRoom(t)
		for range maxEntries {
			r.appear(detect.OccupiedBand, false)
		}
		r.polls(polls)
		r.appear(detect.UltrasonicBeacon, true)
		got := r.polls(1)
		if len(got) != 1 || got[0].Finding.Kind != detect.UltrasonicBeacon {
			t.Errorf("after %d polls: said %q, want the beacon", polls, say(got))
		}
	}
}

func TestInformationIsSparseInClosed(t *testing.T) {
	r := newRoom(t)
	r.closed = true
	for range hour / 4 { // two bursts a second, for an hour
		r.gone(r.appear(detect.Burst, false))
		r.polls(4)
	}
	if n := len(r.got); n > infoPerHour+6 {
		t.Errorf("%d records about information in a closed hour, want at most %d and 6 counts", n, infoPerHour)
	}
	for i := range 10 {
		r.appear(detect.NewEmitter, true)
		if got := r.polls(1); len(got) != 1 {
			t.Errorf("alarm %d is not told: said %q with %d left", i, say(got), r.left())
		}
		r.polls(30)
	}
}

func TestFailureIsToldFirst(t *testing.T) {
	r := newRoom(t)
	r.appear(detect.UltrasonicBeacon, true)
	r.desk.Fail(record.SoundFailed)
	got := r.polls(2)
	r.want(got, "dying", "appeared ultrasonic-beacon 1")
	if got[0].Cause != record.SoundFailed {
		t.Errorf("cause %v, want %v", got[0].Cause, record.SoundFailed)
	}
}

func TestLearnedBaselineLeavesSlowly(t *testing.T) {
	r := newRoom(t)
	before := r.appear(detect.NewEmitter, true)
	r.polls(1)
	r.desk.SetLearning(true)
	r.gone(before) // the detectors are replaced: what was found ends
	r.want(r.polls(2), "gone new-emitter 1")
	for i := range 3 * MaxBaseline {
		r.desk.take(radio, []detect.Detection{{Kind: detect.NewEmitter, Track: uint32(i), Hz: 1e6 + 50e3*float64(i%MaxBaseline), BwHz: 1000, LevelDB: float64(-60 + i/MaxBaseline)}})
	}
	if got := r.polls(minute); len(got) != 0 {
		t.Errorf("said %q while learning", say(got))
	}
	r.desk.SetLearning(false)
	r.closed = true
	if got := r.polls(10 * minute); len(got) != 0 {
		t.Errorf("said %q in a closed session", say(got))
	}
	r.closed = false
	from := r.poll
	var got []record.Record
	for len(got) < MaxBaseline && r.poll < from+hour {
		got = append(got, r.polls(1)...)
	}
	if n := (r.poll - from) / minute; n > 25 || len(got) != MaxBaseline {
		t.Errorf("%d entries left in %d min, want %d in 25", len(got), n, MaxBaseline)
	}
	for i, rec := range got {
		if k := rec.Known; k.Index != i || k.Count != MaxBaseline || k.Hz != 1e6+50e3*float64(i) || k.LevelDB != -58 {
			t.Fatalf("entry %d is %+v", i, k)
		}
	}
	if got := r.polls(10 * minute); len(got) != 0 {
		t.Errorf("said %q after the last entry", say(got))
	}
}

func TestNothingLearnedIsTold(t *testing.T) {
	r := newRoom(t)
	if r.desk.SetLearning(false) {
		t.Error("learning ended that had not begun")
	}
	r.desk.SetLearning(true)
	r.desk.SetLearning(false)
	got := r.polls(minute)
	if len(got) != 1 || got[0].Type != record.Known || got[0].Known.Count != 0 {
		t.Errorf("said %q, want one empty baseline", say(got))
	}
}
