package record

import (
	"fmt"
	"math"
)

type writer struct {
	b *[Size]byte
	n int
}

// put appends the low bits of v, most significant first.
func (w *writer) put(bits int, v uint64) {
	if v>>bits != 0 {
		panic(fmt.Sprintf("record: %d does not fit %d bits", v, bits))
	}
	for i := bits - 1; i >= 0; i-- {
		if v>>i&1 == 1 {
			w.b[w.n/8] |= 0x80 >> (w.n % 8)
		}
		w.n++
	}
}

func (w *writer) flag(b bool) {
	if b {
		w.put(1, 1)
	} else {
		w.put(1, 0)
	}
}

const mantissa = 17

// float writes a frequency as 5 bits of exponent and 17 of mantissa, both 0 for 0 and below: relative error at most 2⁻¹⁷.
func (w *writer) float(v float64) {
	if !(v >= 1) {
		w.put(5+mantissa, 0)
		return
	}
	v = math.Min(v, math.Ldexp(1<<mantissa-1, 31)) // what rounds to the greatest
	e := 0
	for math.Round(math.Ldexp(v, -e)) >= 1<<mantissa {
		e++
	}
	w.put(5, uint64(e))
	w.put(mantissa, uint64(math.Round(math.Ldexp(v, -e))))
}

type reader struct {
	b *[Size]byte
	n int
}

func (r *reader) get(bits int) (v uint64) {
	for range bits {
		v = v<<1 | uint64(r.b[r.n/8]>>(7-r.n%8)&1)
		r.n++
	}
	return v
}

func (r *reader) float() float64 {
	e := r.get(5)
	return math.Ldexp(float64(r.get(mantissa)), int(e))
}

// rest demands that all remaining bits are zero.
func (r *reader) rest() error {
	for r.n < Bits {
		if r.get(1) != 0 {
			return fmt.Errorf("record: bit %d set, which has no meaning", r.n-1)
		}
	}
	return nil
}

// level quantises dBFS to 4 dB in 5 bits: 0 not measured, 1…31 = -120…0.
func level(dB float64) uint64 {
	if math.IsNaN(dB) {
		return 0
	}
	return uint64(math.Max(1, math.Min(31, math.Round((dB+124)/4))))
}

func dB(v uint64) float64 {
	if v == 0 {
		return math.NaN()
	}
	return -124 + 4*float64(v)
}

// linear quantises v to steps from lo, 0…top; NaN and what lies below is 0.
func linear(v, lo, step float64, top uint64) uint64 {
	x := math.Round((v - lo) / step)
	if !(x > 0) {
		return 0
	}
	return uint64(math.Min(x, float64(top)))
}

// logarithm quantises v to 2^((n-1)/per) with n = 1…255; 0 for anything below 1.
func logarithm(v, per float64) uint64 {
	if !(v >= 1) {
		return 0
	}
	return uint64(math.Min(255, 1+math.Round(per*math.Log2(v))))
}

func power(n uint64, per float64) float64 {
	if n == 0 {
		return 0
	}
	return math.Exp2(float64(n-1) / per)
}

// exponent quantises a probability to 10^(-n/2), n = 0…30; 31 for 0 and NaN.
func exponent(p float64) uint64 {
	if !(p > 0) {
		return 31
	}
	return uint64(math.Max(0, math.Min(30, math.Round(-2*math.Log10(p)))))
}

func probability(n uint64) float64 {
	if n == 31 {
		return 0
	}
	return math.Pow(10, -float64(n)/2)
}
