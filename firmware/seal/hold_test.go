package seal

import "testing"

// TestSamples: every slice of samples is found once, however deep, and nothing else.
func TestSamples(t *testing.T) {
	type ring struct {
		history []float32
		window  [2][]complex64
		few     []float32
		names   []string
		next    *ring
		any     any
		byName  map[string]*ring
	}
	shared := make([]float32, 100)
	r := &ring{history: make([]float32, 64, 128), few: make([]float32, 3), names: []string{"a"}}
	r.window[1] = make([]complex64, 60)
	r.next = &ring{history: shared, any: &ring{history: shared}, byName: map[string]*ring{"x": {history: make([]float32, 200)}}}
	r.next.next = r // a circle
	sizes := map[int]int{}
	for _, b := range Samples(r) {
		sizes[len(b)]++
	}
	if len(sizes) != 4 || sizes[4*128] != 1 || sizes[8*60] != 1 || sizes[4*100] != 1 || sizes[4*200] != 1 {
		t.Errorf("found slices of %v bytes, want one each of 512, 480, 400 and 800", sizes)
	}
}

func TestHeld(t *testing.T) {
	var h Held
	first, second := make([]float32, 40), make([]float32, 5000)
	for _, b := range [][]float32{first, second} {
		if err := h.Hold(&b); err != nil {
			t.Skipf("nothing can be locked here: %v", err)
		}
		b[len(b)-1] = 1
	}
	if got := h.Size(); got != 4*5040 {
		t.Errorf("%d bytes held, want %d", got, 4*5040)
	}
	h.Release(&first)
	if h.Size() != 4*5000 || first[39] != 1 || second[4999] != 1 {
		t.Errorf("released: %d bytes held, %v and %v, want 20000, and both as they were", h.Size(), first[39], second[4999])
	}
	if h.Wipe(); second[4999] != 0 || first[39] != 1 {
		t.Errorf("wiped: %v and %v, want what is held wiped and nothing else", first[39], second[4999])
	}
	for p, n := range h.pages {
		if n < 0 {
			t.Errorf("page %#x has %d users", p, n)
		}
	}
}
