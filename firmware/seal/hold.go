package seal

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"sync"
	"unsafe"
)

// Samples returns the memory of all slices of numbers that can be reached from v: buffers, histories, spectra. Slices
// shorter than shortest bytes are left out. v must not be in use.
func Samples(v any) [][]byte {
	w := walk{seen: map[visit]bool{}}
	w.into(reflect.ValueOf(v))
	return w.found
}

// shortest is what a slice must have to hold more than a few numbers: 32 samples are 0.7 ms at 48 kHz.
const shortest = 128

type visit struct {
	at unsafe.Pointer
	t  reflect.Type
}

// walk goes through a value once.
type walk struct {
	seen  map[visit]bool
	found [][]byte
}

func (w *walk) into(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() || w.seen[visit{v.UnsafePointer(), v.Type()}] {
			return
		}
		w.seen[visit{v.UnsafePointer(), v.Type()}] = true
		w.into(v.Elem())
	case reflect.Interface:
		w.into(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			w.into(v.Field(i))
		}
	case reflect.Array:
		if !holds(v.Type().Elem()) {
			return
		}
		for i := range v.Len() {
			w.into(v.Index(i))
		}
	case reflect.Slice:
		w.slice(v)
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			w.into(it.Value())
		}
	}
}

func (w *walk) slice(v reflect.Value) {
	if v.Cap() == 0 {
		return
	}
	switch e := v.Type().Elem(); e.Kind() {
	case reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128,
		reflect.Int8, reflect.Uint8, reflect.Int16, reflect.Uint16, reflect.Int32, reflect.Uint32:
		n := v.Cap() * int(e.Size())
		at := v.UnsafePointer()
		if n >= shortest && !w.seen[visit{at, v.Type()}] {
			w.seen[visit{at, v.Type()}] = true
			w.found = append(w.found, unsafe.Slice((*byte)(at), n))
		}
	default:
		if holds(e) {
			for i := range v.Len() {
				w.into(v.Index(i))
			}
		}
	}
}

// holds reports whether values of t can lead to other memory.
func holds(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Struct, reflect.Slice, reflect.Map:
		return true
	case reflect.Array:
		return holds(t.Elem())
	}
	return false
}

// Held is memory that the kernel keeps out of swap. The zero value holds nothing.
type Held struct {
	mu    sync.Mutex
	bufs  [][]byte
	pages map[uintptr]int // by how many buffers each is used
}

// Hold locks the samples that can be reached from v. The heap's other pages are not locked, but a page is as a whole.
func (h *Held) Hold(v any) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pages == nil {
		h.pages = map[uintptr]int{}
	}
	for _, b := range Samples(v) {
		if err := h.each(b, +1); err != nil {
			return fmt.Errorf("seal: %d bytes of samples cannot be locked in memory (ulimit -l, or LimitMEMLOCK= of the service): %w", len(b), err)
		}
		h.bufs = append(h.bufs, b)
	}
	return nil
}

// Release lets the samples go that can be reached from v. It does not wipe them: tables among them may be others', too.
// v must not be in use.
func (h *Held) Release(v any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	gone := map[*byte]bool{}
	for _, b := range Samples(v) {
		gone[&b[0]] = true
	}
	h.bufs = slices.DeleteFunc(h.bufs, func(b []byte) bool {
		if !gone[&b[0]] {
			return false
		}
		_ = h.each(b, -1) // what was locked can be unlocked
		return true
	})
}

// each counts a user more or less of each page of b.
func (h *Held) each(b []byte, n int) error {
	at := uintptr(unsafe.Pointer(&b[0]))
	size := uintptr(os.Getpagesize())
	for p := at / size; p <= (at+uintptr(len(b))-1)/size; p++ {
		first := max(p*size, at)
		part := b[first-at : min((p+1)*size, at+uintptr(len(b)))-at]
		switch was := h.pages[p]; {
		case was == 0 && n > 0:
			if err := lock(part); err != nil {
				return err
			}
		case was == 1 && n < 0:
			if err := unlock(part); err != nil {
				return err
			}
		}
		h.pages[p] += n
	}
	return nil
}

// Size returns how many bytes are held.
func (h *Held) Size() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, b := range h.bufs {
		n += len(b)
	}
	return n
}

// Wipe zeroes all that is held, at the end of the process: nothing may be using it any more.
func (h *Held) Wipe() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, b := range h.bufs {
		clear(b)
	}
}
