// Package record is the grammar of what may leave the sensor process: 16 bytes at a time, every bit accounted for.
//
//	        bits  3 type · 1 version (0) · 4 sequence · then, by type
//	status     (1)  ten third-octaves 2.5…20 kHz 10×5 · eight band maxima 8×5 · health 10 · coverage 8×2 · open 4
//	appeared   (2)  kind 5 · name 5 · alarm 1 · number 6 · hz 5+17 · bandwidth 8 · level 6 · SNR 6 ·
//	gone       (3)    statistic 8 · threshold 8 · Pfa 5 · confidence 4 · start age 12 · end age 8 · coverage 2 · 14 zero
//	known      (4)  index 8 · count 8 · hz 5+17 · bandwidth 8 · level 6 · 68 zero; all zero: nothing was learned
//	merged     (5)  kind 5 · count 8 (not 0) · 107 zero
//	dying      (6)  cause 4 · 116 zero
//	empty      (0)  all 128 bits zero
//
// Numbers are quantised here and nowhere else. Decode accepts exactly what Encode writes: a record with a bit set
// that has no meaning, a name that its kind does not have, or a number out of order is an error, so that the bits a
// hostile sensor could steal are the ones drawn above.
package record

import (
	"fmt"

	"subrosa/dsp/detect"
)

// Size of every record in bytes.
const Size = 16

// Bits of a filled record.
const Bits = 8 * Size

// Type of a record.
type Type uint8

const (
	Empty Type = iota
	StatusType
	Appeared
	Gone
	Known
	Merged
	Dying
	types
)

func (t Type) String() string {
	names := [...]string{"empty", "status", "appeared", "gone", "known", "merged", "dying"}
	if int(t) < len(names) {
		return names[t]
	}
	return fmt.Sprintf("type-%d", uint8(t))
}

// Thirds are the nominal centres of the third-octave bands of a status, Hz.
var Thirds = [10]float64{2500, 3150, 4000, 5000, 6300, 8000, 10000, 12500, 16000, 20000}

// Bands is the number of radio bands in a status.
const Bands = 8

// Health bits of a status; set means trouble, except SoundOn and RadioOn.
const (
	SoundOn    = 1 << iota // samples arrive
	RadioOn                //
	SoundGap               // samples were lost since the last status
	RadioGap               //
	SoundClip              // full scale was reached
	RadioClip              //
	SoundDead              // nothing but exact silence
	RadioDead              //
	Crowded                // findings had to be merged
	Restart                // the sensor began since the last status
	healthBits = iota
)

// Share is how much of a part of the spectrum was looked at since the last status.
type Share uint8

const (
	None Share = iota
	Some       // under half
	Most
	All
)

// The parts of the spectrum whose coverage a status states.
const (
	Audible     = iota // 2.5…15 kHz
	Ultrasonic         // 15…20 kHz
	Ultrasonic2        // 20…24 kHz
	Ultrasonic3        // 24…48 kHz
	Radio              // the span the receiver is tuned to
	Sweep              // the rest of the receiver's range
	used               // from here on: none yet, always 0
	parts       = 8
)

// Status is the coarse state of the room, every 16 s. Levels are dBFS; NaN means not measured.
type Status struct {
	Thirds   [10]float64
	Bands    [Bands]float64
	Health   uint16
	Coverage [parts]Share
	Open     int // findings that last, 15 = 15 or more
}

// Finding is a detection that appeared or has gone.
type Finding struct {
	Kind       detect.Kind
	Name       string
	Alarm      bool
	Number     uint8 // pairs Appeared and Gone, 0…63
	Hz         float64
	BwHz       float64
	LevelDB    float64
	SNRDB      float64
	Statistic  float64
	Threshold  float64
	Pfa        float64
	Confidence float64
	StartAge   float64 // s before the record was asked for
	EndAge     float64
	Coverage   Share
}

// Emitter is one entry of a learned baseline. Count 0 says that nothing was learned; all else is 0 then.
type Emitter struct {
	Index, Count int
	Hz, BwHz     float64
	LevelDB      float64
}

// Overflow counts findings of a kind that were merged because the slots were used up.
type Overflow struct {
	Kind  detect.Kind
	Count int
}

// Cause says why the sensor, or a part of it, has ended.
type Cause uint8

const (
	Panicked    Cause = 1 + iota // a programming error; the process ends
	SoundFailed                  // the microphone, or what stands for it, failed
	RadioFailed                  // the receiver did
	causes
)

func (c Cause) String() string {
	if c > 0 && c < causes {
		return [...]string{"panicked", "sound-failed", "radio-failed"}[c-1]
	}
	return fmt.Sprintf("cause-%d", uint8(c))
}

// Record is one record; the field that Type names is valid.
type Record struct {
	Type     Type
	Seq      uint8 // 0…15
	Status   Status
	Finding  Finding
	Known    Emitter
	Overflow Overflow
	Cause    Cause // of dying
}

// Encode writes r. It panics when a name, kind or number is outside the grammar: a programmer's mistake.
func (r *Record) Encode(b *[Size]byte) {
	*b = [Size]byte{}
	if r.Type == Empty {
		return
	}
	w := writer{b: b}
	w.put(3, uint64(r.Type))
	w.put(1, 0)
	w.put(4, uint64(r.Seq&15))
	switch r.Type {
	case StatusType:
		w.status(&r.Status)
	case Appeared, Gone:
		w.finding(&r.Finding)
	case Known:
		if r.Known.Count == 0 {
			return
		}
		w.put(8, uint64(r.Known.Index))
		w.put(8, uint64(r.Known.Count))
		w.float(r.Known.Hz)
		w.put(8, logarithm(r.Known.BwHz, 8))
		w.put(6, linear(r.Known.LevelDB, -126, 2, 63))
	case Merged:
		w.put(5, uint64(r.Overflow.Kind))
		w.put(8, uint64(min(max(r.Overflow.Count, 0), 255)))
	case Dying:
		w.put(4, uint64(r.Cause))
	default:
		panic(fmt.Sprintf("record: cannot encode %v", r.Type))
	}
}

func (w *writer) status(s *Status) {
	for _, v := range s.Thirds {
		w.put(5, level(v))
	}
	for _, v := range s.Bands {
		w.put(5, level(v))
	}
	w.put(healthBits, uint64(s.Health))
	for _, v := range s.Coverage {
		w.put(2, uint64(v&3))
	}
	w.put(4, uint64(min(max(s.Open, 0), 15)))
}

func (w *writer) finding(f *Finding) {
	name, ok := f.Kind.NameIndex(f.Name)
	if !f.Kind.Valid() || !ok && (f.Name != "" || f.Kind.Names() != nil) {
		panic(fmt.Sprintf("record: %v has no name %q", f.Kind, f.Name))
	}
	w.put(5, uint64(f.Kind))
	w.put(5, uint64(name))
	w.flag(f.Alarm)
	w.put(6, uint64(f.Number&63))
	w.float(f.Hz)
	w.put(8, logarithm(f.BwHz, 8))
	w.put(6, linear(f.LevelDB, -126, 2, 63))
	w.put(6, linear(f.SNRDB, -30, 1.5, 63))
	w.put(8, logarithm(f.Statistic*16, 8))
	w.put(8, logarithm(f.Threshold*16, 8))
	w.put(5, exponent(f.Pfa))
	w.put(4, linear(f.Confidence, 0, 1.0/15, 15))
	w.put(12, linear(f.StartAge, 0, 0.1, 4095))
	w.put(8, linear(f.EndAge, 0, 0.1, 255))
	w.put(2, uint64(f.Coverage&3))
}

// Decode reads b. Every error means that the sender does not keep to the grammar.
func Decode(b *[Size]byte) (Record, error) {
	r := reader{b: b}
	rec := Record{Type: Type(r.get(3))}
	if v := r.get(1); v != 0 {
		return Record{}, fmt.Errorf("record: version %d", v)
	}
	rec.Seq = uint8(r.get(4))
	var err error
	switch rec.Type {
	case Empty:
		if rec.Seq != 0 {
			return Record{}, fmt.Errorf("record: empty with sequence %d", rec.Seq)
		}
	case StatusType:
		rec.Status, err = r.status()
	case Appeared, Gone:
		rec.Finding, err = r.finding()
	case Known:
		rec.Known = Emitter{Index: int(r.get(8)), Count: int(r.get(8)), Hz: r.float(), BwHz: power(r.get(8), 8), LevelDB: -126 + 2*float64(r.get(6))}
		if rec.Known.Count == 0 {
			rec.Known = Emitter{}
		} else if rec.Known.Index >= rec.Known.Count {
			err = fmt.Errorf("record: entry %d of %d", rec.Known.Index, rec.Known.Count)
		}
	case Merged:
		rec.Overflow = Overflow{Kind: detect.Kind(r.get(5)), Count: int(r.get(8))}
		if !rec.Overflow.Kind.Valid() || rec.Overflow.Count == 0 {
			err = fmt.Errorf("record: %d of kind %d merged", rec.Overflow.Count, uint8(rec.Overflow.Kind))
		}
	case Dying:
		if rec.Cause = Cause(r.get(4)); rec.Cause == 0 || rec.Cause >= causes {
			err = fmt.Errorf("record: dying of %v", rec.Cause)
		}
	default:
		err = fmt.Errorf("record: %v", rec.Type)
	}
	if err == nil {
		err = r.rest()
	}
	if err != nil {
		return Record{}, err
	}
	var again [Size]byte
	if rec.Encode(&again); again != *b {
		return Record{}, fmt.Errorf("record: %v is not in normal form", rec.Type)
	}
	return rec, nil
}

func (r *reader) status() (s Status, err error) {
	for i := range s.Thirds {
		s.Thirds[i] = dB(r.get(5))
	}
	for i := range s.Bands {
		s.Bands[i] = dB(r.get(5))
	}
	s.Health = uint16(r.get(healthBits))
	for i := range s.Coverage {
		s.Coverage[i] = Share(r.get(2))
	}
	for i, share := range s.Coverage[used:] {
		if share != None {
			err = fmt.Errorf("record: coverage of part %d, which has no meaning", used+i)
		}
	}
	s.Open = int(r.get(4))
	return s, err
}

func (r *reader) finding() (f Finding, err error) {
	f.Kind = detect.Kind(r.get(5))
	name := int(r.get(5))
	names := f.Kind.Names()
	if !f.Kind.Valid() || name >= max(len(names), 1) {
		return f, fmt.Errorf("record: kind %d has no name %d", uint8(f.Kind), name)
	}
	if names != nil {
		f.Name = names[name]
	}
	f.Alarm = r.get(1) == 1
	f.Number = uint8(r.get(6))
	f.Hz = r.float()
	f.BwHz = power(r.get(8), 8)
	f.LevelDB = -126 + 2*float64(r.get(6))
	f.SNRDB = -30 + 1.5*float64(r.get(6))
	f.Statistic = power(r.get(8), 8) / 16
	f.Threshold = power(r.get(8), 8) / 16
	f.Pfa = probability(r.get(5))
	f.Confidence = float64(r.get(4)) / 15
	f.StartAge = float64(r.get(12)) / 10
	f.EndAge = float64(r.get(8)) / 10
	f.Coverage = Share(r.get(2))
	return f, nil
}
