//go:build peer

package fftw

// This file drives FFTW3 in single precision, the peer that the transform is measured against. It exists only
// under the build tag peer (it needs cgo and Debian's libfftw3-dev) and is never part of a program.

/*
#cgo LDFLAGS: -lfftw3f -lm
#include <fftw3.h>
#include <time.h>

static fftwf_complex *block(size_t n) { return fftwf_alloc_complex(n); }

static void repeat(fftwf_plan p, int times) {
	for (int i = 0; i < times; i++)
		fftwf_execute(p);
}

static double cpu(void) {
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec + 1e-9 * t.tv_nsec;
}
*/
import "C"

import "unsafe"

// Plan is a forward transform on memory of its own, planned with FFTW_PATIENT.
type Plan struct {
	n       int
	real    bool
	in, out *C.fftwf_complex
	plan    C.fftwf_plan
}

// New plans n points; real chooses real input with n/2+1 bins.
func New(n int, real bool) *Plan {
	p := &Plan{n: n, real: real, in: C.block(C.size_t(n)), out: C.block(C.size_t(n))}
	if real {
		p.plan = C.fftwf_plan_dft_r2c_1d(C.int(n), (*C.float)(unsafe.Pointer(p.in)), p.out, C.FFTW_PATIENT)
	} else {
		p.plan = C.fftwf_plan_dft_1d(C.int(n), p.in, p.out, C.FFTW_FORWARD, C.FFTW_PATIENT)
	}
	return p
}

// In returns the input: 2n floats (I, Q, I, …) or n real ones.
func (p *Plan) In() []float32 {
	if p.real {
		return unsafe.Slice((*float32)(unsafe.Pointer(p.in)), p.n)
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(p.in)), 2*p.n)
}

// Out returns the bins, (re, im) in turn: n of them, or n/2+1.
func (p *Plan) Out() []float32 {
	bins := p.n
	if p.real {
		bins = p.n/2 + 1
	}
	return unsafe.Slice((*float32)(unsafe.Pointer(p.out)), 2*bins)
}

// Run transforms times times.
func (p *Plan) Run(times int) { C.repeat(p.plan, C.int(times)) }

// Close frees the plan and its memory.
func (p *Plan) Close() {
	C.fftwf_destroy_plan(p.plan)
	C.fftwf_free(unsafe.Pointer(p.in))
	C.fftwf_free(unsafe.Pointer(p.out))
}

// CPU returns the seconds of processor time this process has used.
func CPU() float64 { return float64(C.cpu()) }
