//go:build !purego

#include "textflag.h"

// FMUL (vector), 4S, which the assembler of Go 1.26 lacks: d = n·m.
#define FMUL(m, n, d) WORD $(0x6E20DC00 | (m)<<16 | (n)<<5 | (d))

// func taperNEON(re, im *float32, x *complex64, win *float32, blocks int)
TEXT ·taperNEON(SB), NOSPLIT, $0-40
	MOVD re+0(FP), R0
	MOVD im+8(FP), R1
	MOVD x+16(FP), R2
	MOVD win+24(FP), R3
	MOVD blocks+32(FP), R4

loop:
	VLD2.P 32(R2), [V0.S4, V1.S4]
	VLD2.P 32(R2), [V2.S4, V3.S4]
	VLD1.P 32(R3), [V4.S4, V5.S4]
	FMUL(4, 0, 6)
	FMUL(5, 2, 7)
	FMUL(4, 1, 16)
	FMUL(5, 3, 17)
	VST1.P [V6.S4, V7.S4], 32(R0)
	VST1.P [V16.S4, V17.S4], 32(R1)
	SUBS   $1, R4
	BNE    loop
	RET
