package sense

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	"subrosa/drivers/audio"
	"subrosa/drivers/audio/audiotest"
	"subrosa/dsp/detect"
	"subrosa/firmware/record"
)

// unit talks with a server over pipes in memory, as a room unit does.
type unit struct {
	t       *testing.T
	control *io.PipeWriter
	records *bytes.Buffer
	known   []int // lengths of the baselines that were handed over
	done    chan error
	stop    context.CancelFunc
}

// serve starts a server whose one pipeline has the given detector and source. Call it in a bubble.
func serve(t *testing.T, d detect.Detector[float32], steps ...audiotest.Step) *unit {
	r, w := io.Pipe()
	u := &unit{t: t, control: w, records: &bytes.Buffer{}, done: make(chan error, 1)}
	desk := NewDesk()
	p := &Pipeline[float32]{Source: audiotest.Play(audio.Format{Rate: 48000, Channels: 1}, steps...), Rate: 48000, Desk: desk}
	s := &Server{Control: r, Records: u.records, Desk: desk, Pipelines: []Runner{p},
		Configure: func(Config) error { p.Use([]detect.Detector[float32]{d}); return nil },
		Baseline:  func(b []Emitter) error { u.known = append(u.known, len(b)); return nil }}
	ctx, stop := context.WithCancel(t.Context())
	u.stop = stop
	go func() {
		u.done <- s.Run(ctx)
		r.Close()
	}()
	return u
}

func (u *unit) say(lines ...string) {
	for _, l := range lines {
		io.WriteString(u.control, l+"\n")
		synctest.Wait()
	}
}

// answers decodes what was written, which must be whole records.
func (u *unit) answers() (rs []record.Record) {
	u.t.Helper()
	if u.records.Len()%record.Size != 0 {
		u.t.Fatalf("%d bytes were written", u.records.Len())
	}
	for u.records.Len() > 0 {
		b := [record.Size]byte(u.records.Next(record.Size))
		r, err := record.Decode(&b)
		if err != nil {
			u.t.Fatal(err)
		}
		rs = append(rs, r)
	}
	return rs
}

func TestServerAnswersEachPollOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serve(t, &diary[float32]{}, audiotest.Frames(0.1, 0.2), audiotest.Stall())
		u.say("C {}", "B []")
		if n := u.records.Len(); n != 0 {
			t.Errorf("%d bytes before the first poll", n)
		}
		u.say("S", "U 12 0", "U 12 0", "U 0 1", "S")
		rs := u.answers()
		var got []string
		for _, r := range rs {
			got = append(got, r.Type.String())
		}
		if want := "status appeared empty empty status"; strings.Join(got, " ") != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if rs[0].Seq != 1 || rs[1].Seq != 2 || rs[4].Seq != 3 {
			t.Errorf("numbers %d, %d, %d, want 1, 2, 3", rs[0].Seq, rs[1].Seq, rs[4].Seq)
		}
		u.control.Close()
		if err := <-u.done; err != nil {
			t.Errorf("got %v at the end of control, want nil", err)
		}
	})
}

func TestServerRefusesBadControl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serve(t, &diary[float32]{}, audiotest.Stall())
		u.say("C {}", "U 99 0")
		if err := <-u.done; err == nil || !strings.Contains(err.Error(), "urgent poll") {
			t.Errorf("got %v, want an error about the poll", err)
		}
		if n := u.records.Len(); n != 0 {
			t.Errorf("%d bytes were written", n)
		}
	})
}

// TestPanicLeavesAsOneRecord: a detector panics, the next urgent poll is told, and the process ends.
func TestPanicLeavesAsOneRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serve(t, &diary[float32]{panic: true}, audiotest.Frames(0.1), audiotest.Stall())
		u.say("C {}", "S", "U 12 0")
		rs := u.answers()
		if len(rs) != 2 || rs[1].Type != record.Dying || rs[1].Cause != record.Panicked {
			t.Errorf("got %+v, want a status and a dying record", rs)
		}
		if err := <-u.done; !errors.Is(err, errPanicked) {
			t.Errorf("got %v, want %v", err, errPanicked)
		}
	})
}

// nameless finds what no record can name: the desk's own mistake shows when it is asked.
type nameless struct{ diary[float32] }

func (n *nameless) Detect(dst []detect.Detection, at int64, x []float32) []detect.Detection {
	from := len(dst)
	dst = n.diary.Detect(dst, at, x)
	for i := range dst[from:] {
		dst[from+i].Name = "nobody-knows"
	}
	return dst
}

func TestPanicOfTheServerLeavesAsOneRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serve(t, &nameless{}, audiotest.Frames(0.1), audiotest.Stall())
		u.say("C {}", "S", "U 12 0")
		rs := u.answers()
		if len(rs) != 2 || rs[1].Type != record.Dying || rs[1].Seq != 2 {
			t.Errorf("got %+v, want a status and a dying record with the next number", rs)
		}
		if err := <-u.done; !errors.Is(err, errPanicked) {
			t.Errorf("got %v, want %v", err, errPanicked)
		}
	})
}

// TestSourceFailed: it is told once, and the process goes on to answer: it is the room unit that looks again.
func TestSourceFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serve(t, &diary[float32]{}, audiotest.Fail(audiotest.ErrUnplugged))
		u.say("C {}", "U 12 0", "U 12 0", "S")
		rs := u.answers()
		if len(rs) != 3 || rs[0].Cause != record.SoundFailed || rs[1].Type != record.Empty || rs[2].Status.Health&record.SoundOn != 0 ||
			rs[2].Status.Coverage[record.Ultrasonic] != record.None {
			t.Errorf("got %+v, want that sound failed, once, and then no coverage", rs)
		}
		u.control.Close()
		if err := <-u.done; err != nil {
			t.Error(err)
		}
	})
}

func TestRecordingThatEndsIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serve(t, &diary[float32]{}, audiotest.Frames(0.1))
		u.say("C {}", "U 12 0", "U 12 0", "U 12 0")
		if rs := u.answers(); len(rs) != 3 || rs[0].Type != record.Gone || rs[1].Type != record.Empty {
			t.Errorf("got %+v, want the finding and nothing else", rs)
		}
		u.control.Close()
		if err := <-u.done; err != nil {
			t.Error(err)
		}
	})
}

// TestLearningKnowsNothing: while a baseline is learned nothing is known, so that all of it is found again; afterwards
// what was learned is known at once.
func TestLearningKnowsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := serve(t, &diary[float32]{}, audiotest.Stall())
		u.say("C {}", `B [{"hz":1},{"hz":2}]`, "L 0", "L 1", "L 1", "L 0")
		if got := u.known; len(got) != 3 || got[0] != 2 || got[1] != 0 || got[2] != 0 {
			t.Errorf("baselines of %v entries were handed over, want 2, 0 (learning), 0 (nothing learned)", got)
		}
		u.control.Close()
		<-u.done
	})
}
