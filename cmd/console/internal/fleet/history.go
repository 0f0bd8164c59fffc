package fleet

import (
	"math"
	"slices"
	"time"
)

// RowEvery is the sensor's rhythm: it lets out one row of levels in this time, no more.
const RowEvery = 16 * time.Second

// HistoryRows is a day of rows.
const HistoryRows = int(24 * time.Hour / RowEvery)

// Row is one line of a unit's history. Levels in dB; NaN where none was told.
type Row struct {
	At     time.Time
	Thirds [maxThirds]float32
	Bands  [maxBands]float32
}

// History is a day of a unit's levels in a ring of fixed size. It is not safe for concurrent use.
type History struct {
	hz    []float64 // of the third-octaves
	names []string  // of the bands
	rows  []Row     // ring
	next  int
}

// add takes l, told at time at. What comes within half a row of the one before is merged into it, the higher
// level wins; other third-octaves or bands than before begin a new history, as does a clock that was set back.
func (h *History) add(at time.Time, l Levels) {
	var hz []float64
	var names []string
	r := Row{At: at}
	for i := range r.Thirds {
		r.Thirds[i] = float32(math.NaN())
	}
	for i := range r.Bands {
		r.Bands[i] = float32(math.NaN())
	}
	for i, t := range l.Thirds {
		hz = append(hz, t.Hz)
		r.Thirds[i] = float32(t.DB)
	}
	for i, b := range l.Bands {
		names = append(names, b.Name)
		r.Bands[i] = float32(b.DB)
	}
	if len(h.rows) > 0 && (at.Before(h.last().At.Add(-RowEvery)) || !slices.Equal(hz, h.hz) || !slices.Equal(names, h.names)) {
		h.rows, h.next = h.rows[:0], 0
	}
	h.hz, h.names = hz, names
	if len(h.rows) > 0 && at.Sub(h.last().At) < RowEvery/2 {
		h.merge(r)
		return
	}
	if len(h.rows) < HistoryRows {
		h.rows = append(h.rows, r)
		h.next = len(h.rows) % HistoryRows
		return
	}
	h.rows[h.next] = r
	h.next = (h.next + 1) % HistoryRows
}

func (h *History) last() *Row { return &h.rows[(h.next+len(h.rows)-1)%len(h.rows)] }

func (h *History) merge(r Row) {
	last := h.last()
	for i, v := range r.Thirds {
		last.Thirds[i] = max(last.Thirds[i], v)
	}
	for i, v := range r.Bands {
		last.Bands[i] = max(last.Bands[i], v)
	}
}

// since returns copies of the rows not older than from, oldest first.
func (h *History) since(from time.Time) []Row {
	var out []Row
	start := 0
	if len(h.rows) == HistoryRows {
		start = h.next
	}
	for i := range h.rows {
		if r := h.rows[(start+i)%len(h.rows)]; !r.At.Before(from) {
			out = append(out, r)
		}
	}
	return out
}

// Levelling is one third-octave with the range of the day.
type Levelling struct {
	Hz, Now, Min, Max float64 // dB
}

// Track is what the pages draw of a unit.
type Track struct {
	Bands  []string
	Rows   []Row // oldest first
	Thirds []Levelling
}

// track returns the rows of the last span before the newest row, and the third-octaves with their range of a day.
func (h *History) track(span time.Duration) Track {
	t := Track{Bands: slices.Clone(h.names)}
	if len(h.rows) == 0 {
		return t
	}
	newest := h.last().At
	day := h.since(newest.Add(-24 * time.Hour))
	for i, hz := range h.hz {
		l := Levelling{Hz: hz, Now: float64(day[len(day)-1].Thirds[i]), Min: math.Inf(1), Max: math.Inf(-1)}
		for _, r := range day {
			v := float64(r.Thirds[i])
			l.Min, l.Max = min(l.Min, v), max(l.Max, v)
		}
		t.Thirds = append(t.Thirds, l)
	}
	t.Rows = h.since(newest.Add(-span))
	return t
}
