package picture

import (
	"math"
	"slices"
)

// resample returns the waterfall as wide × high levels in dBFS, top row first; -Inf where nothing was seen. Where
// several cells fall on a pixel the greatest shows, where a cell covers several pixels they blend into the next.
func (p *Panel) resample(wide, high int) []float32 {
	db := make([]float32, len(p.grid[:p.columns*p.rows]))
	for i, v := range p.grid[:p.columns*p.rows] {
		db[i] = float32(10 * math.Log10(float64(v)))
	}
	down := make([]float32, p.columns*high) // columns of high pixels
	for c := range p.columns {
		column := db[c*p.rows : (c+1)*p.rows]
		for y := range high {
			lo := float64(high-1-y) / float64(high) * float64(p.rows)
			down[c*high+y] = between(lo, lo+float64(p.rows)/float64(high), p.rows, func(i int) float32 { return column[i] })
		}
	}
	out := make([]float32, wide*high)
	perPixel := p.Seconds / p.perColumn / float64(wide) // columns
	for y := range high {
		for x := range wide {
			if p.columns == 0 {
				out[y*wide+x] = float32(math.Inf(-1))
				continue
			}
			lo := float64(x) * perPixel
			out[y*wide+x] = between(lo, lo+perPixel, p.columns, func(i int) float32 { return down[i*high+y] })
		}
	}
	return out
}

// between returns the greatest of the n cells that lie within [lo, hi), or, where these are less than one cell apart,
// the value interpolated between the cells' middles.
func between(lo, hi float64, n int, at func(i int) float32) float32 {
	if hi-lo < 1 {
		m := math.Max(0, math.Min(float64(n-1), (lo+hi)/2-0.5))
		i := int(m)
		a, b := at(i), at(min(i+1, n-1))
		if math.IsInf(float64(a), -1) || math.IsInf(float64(b), -1) {
			return max(a, b)
		}
		f := float32(m - float64(i))
		return a*(1-f) + b*f
	}
	first, last := min(int(lo), n-1), min(int(math.Ceil(hi)), n)
	most := at(first)
	for i := first + 1; i < last; i++ {
		most = max(most, at(i))
	}
	return most
}

// limits returns the ends of the colour scale: from the usual noise up to nearly the strongest, in steps of 5 dB.
func limits(db []float32) (lo, hi float64) {
	seen := make([]float32, 0, len(db))
	for _, v := range db {
		if !math.IsInf(float64(v), -1) {
			seen = append(seen, v)
		}
	}
	if len(seen) == 0 {
		return -100, 0
	}
	slices.Sort(seen)
	lo = 5 * math.Floor(float64(seen[len(seen)/4])/5)
	hi = 5 * math.Ceil(float64(seen[len(seen)-1-len(seen)/2000])/5)
	if hi-lo > 90 {
		lo = hi - 90
	}
	return lo, math.Max(hi, lo+30)
}
