package fleet

import (
	"cmp"
	"math"
	"slices"
	"time"

	"subrosa/firmware/report"
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
// level wins. Third-octaves and bands keep their columns, also while they are left out; more of them than fit, or
// a clock that was set back, begin a new history.
func (h *History) add(at time.Time, l report.Levels) {
	if len(h.rows) > 0 && at.Before(h.last().At.Add(-RowEvery)) {
		*h = History{}
	}
	r, ok := h.row(at, l)
	if !ok {
		*h = History{}
		r, _ = h.row(at, l)
	}
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

// row puts l into columns. It reports false if they do not fit.
func (h *History) row(at time.Time, l report.Levels) (r Row, ok bool) {
	r.At = at
	for i := range r.Thirds {
		r.Thirds[i] = float32(math.NaN())
	}
	for i := range r.Bands {
		r.Bands[i] = float32(math.NaN())
	}
	for _, t := range l.Thirds {
		i := column(&h.hz, t.Hz)
		if i >= maxThirds {
			return r, false
		}
		r.Thirds[i] = float32(t.DB)
	}
	for _, b := range l.Bands {
		i := column(&h.names, b.Name)
		if i >= maxBands {
			return r, false
		}
		r.Bands[i] = float32(b.DB)
	}
	return r, true
}

// column returns the place of x in list, adding it if it is new.
func column[T comparable](list *[]T, x T) int {
	i := slices.Index(*list, x)
	if i < 0 {
		i = len(*list)
		*list = append(*list, x)
	}
	return i
}

func (h *History) last() *Row { return &h.rows[(h.next+len(h.rows)-1)%len(h.rows)] }

func (h *History) merge(r Row) {
	last := h.last()
	for i, v := range r.Thirds {
		last.Thirds[i] = higher(last.Thirds[i], v)
	}
	for i, v := range r.Bands {
		last.Bands[i] = higher(last.Bands[i], v)
	}
}

// higher returns the higher of two levels, either of which may not have been told.
func higher(a, b float32) float32 {
	if a > b || b != b {
		return a
	}
	return b
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
			if v := float64(r.Thirds[i]); !math.IsNaN(v) {
				l.Min, l.Max = min(l.Min, v), max(l.Max, v)
			}
		}
		t.Thirds = append(t.Thirds, l)
	}
	slices.SortFunc(t.Thirds, func(a, b Levelling) int { return cmp.Compare(a.Hz, b.Hz) })
	t.Rows = h.since(newest.Add(-span))
	return t
}
