package budget_test

import (
	"context"
	"io"
	"testing"

	"subrosa/drivers/audio"
	soundpipe "subrosa/drivers/audio/pipe"
	"subrosa/drivers/sdr"
	radiopipe "subrosa/drivers/sdr/pipe"
	"subrosa/dsp/detect"
	"subrosa/dsp/detect/emitter"
	"subrosa/dsp/detect/ultrasonic"
	"subrosa/firmware/record"
	"subrosa/firmware/sense"
)

// TestNoAllocations goes through every stage between a driver's bytes and a record. Reading recordings is held by the
// suites of the drivers.
func TestNoAllocations(t *testing.T) {
	for name, step := range stages(t) {
		t.Run(name, func(t *testing.T) {
			step() // what is made once
			if got := testing.AllocsPerRun(20, step); got != 0 {
				t.Errorf("%g allocations a block, want 0", got)
			}
		})
	}
}

func stages(t *testing.T) map[string]func() {
	t.Helper()
	all := map[string]func(){}
	for _, k := range tasks {
		if k.name != wholeRadio && k.name != wholeSound { // these begin anew each time; see TestPipelinesDoNotAllocate
			step := k.make()
			all[k.name] = func() { step() }
		}
	}
	all["sound pipe"] = soundThroughPipe(t)
	all["radio pipe"] = radioThroughPipe(t)
	var b [record.Size]byte
	status := record.Record{Type: record.StatusType, Seq: 3}
	finding := record.Record{Type: record.Appeared, Finding: record.Finding{Kind: detect.Burst, Name: "ism433", Hz: 433.92e6, Pfa: 1e-7}}
	all["records"] = func() {
		for _, r := range [...]*record.Record{&status, &finding} {
			if r.Encode(&b); b[0] == 0 {
				t.Error("nothing encoded")
			}
			if _, err := record.Decode(&b); err != nil {
				t.Error(err)
			}
		}
	}
	desk := sense.NewDesk()
	all["desk polled"] = func() {
		desk.Status()
		desk.Urgent(12, true)
	}
	return all
}

// memory is a pipe of fixed size: what is written is read next.
type memory struct {
	b        []byte
	from, to int
}

func (m *memory) Write(b []byte) (int, error) {
	if m.from == m.to {
		m.from, m.to = 0, 0
	}
	n := copy(m.b[m.to:], b)
	m.to += n
	if n < len(b) {
		return n, io.ErrShortWrite
	}
	return n, nil
}

func (m *memory) Read(b []byte) (int, error) {
	n := copy(b, m.b[m.from:m.to])
	m.from += n
	return n, nil
}

func soundThroughPipe(t *testing.T) func() {
	m := &memory{b: make([]byte, 1<<20)}
	w, err1 := soundpipe.NewWriter(m, audio.Format{Rate: soundRate, Channels: channels})
	r, err2 := soundpipe.New(m)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	const frames = soundRate / 25
	x, y, at := make([]float32, frames*channels), make([]float32, frames*channels), int64(0)
	return func() {
		if err := w.Write(at, x); err != nil {
			t.Error(err)
		}
		at += frames
		for got := 0; got < frames; {
			_, n, err := r.Read(y)
			if got += n; err != nil {
				t.Error(err)
				return
			}
		}
	}
}

func radioThroughPipe(t *testing.T) func() {
	m := &memory{b: make([]byte, 1<<20)}
	w, err1 := radiopipe.NewWriter(m, sdr.Format{Rate: radioRate})
	r, err2 := radiopipe.New(m)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	x, y, at := make([]complex64, radioBlock), make([]complex64, radioBlock), int64(0)
	return func() {
		if err := w.Write(at, x); err != nil {
			t.Error(err)
		}
		at += radioBlock
		for got := 0; got < radioBlock; {
			_, n, err := r.Read(y)
			if got += n; err != nil {
				t.Error(err)
				return
			}
		}
	}
}

// TestPipelinesDoNotAllocate: a pipeline allocates when it starts, and nothing for what it then reads, whatever it
// finds: half a second and four seconds of the busiest room take the same.
func TestPipelinesDoNotAllocate(t *testing.T) {
	x, b := room(soundRate), busyAir()
	interleaved := fourfold(x)
	run := map[string]func(halves int){
		"sound": func(halves int) {
			var each [][]detect.Detector[float32]
			for range channels {
				d, err := ultrasonic.New(soundRate, ultrasonic.Default)
				if err != nil {
					t.Fatal(err)
				}
				each = append(each, []detect.Detector[float32]{d})
			}
			src := &frames{microphone{x: interleaved, left: halves * soundRate / 2 * channels}}
			p := &sense.Pipeline[float32]{Source: src, Rate: soundRate, Channels: channels, Desk: sense.NewDesk()}
			p.Use(each...)
			if err := p.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
		},
		"radio": func(halves int) {
			d, err := emitter.New(radioRate, emitter.Default)
			if err != nil {
				t.Fatal(err)
			}
			src := &air{b: b, left: halves * radioRate / 2}
			p := &sense.Pipeline[complex64]{Source: src, Rate: radioRate, Centre: 433.92e6, Desk: sense.NewDesk()}
			p.Use([]detect.Detector[complex64]{d})
			if err := p.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
		},
	}
	for name, f := range run {
		short := testing.AllocsPerRun(1, func() { f(1) })
		long := testing.AllocsPerRun(1, func() { f(8) })
		blocks := 25 * 3.5
		t.Logf("measured: %s: %.0f allocations to begin, %.0f more for %.0f blocks", name, short, long-short, blocks)
		if more := long - short; more > 0.25*blocks { // the desk's list of what waits grows now and then
			t.Errorf("%s: %.0f blocks allocate %.0f times", name, blocks, more)
		}
	}
}
