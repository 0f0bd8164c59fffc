//go:build !purego

#include "textflag.h"

// CMGT (register), 4S, which the assembler of Go 1.26 lacks: d = n > m, as signed integers.
#define CMGT(m, n, d) WORD $(0x4EA03400 | (m)<<16 | (n)<<5 | (d))

// func aboveNEON(x, limit *float32, blocks int) bool
TEXT ·aboveNEON(SB), NOSPLIT, $0-25
	MOVD x+0(FP), R0
	MOVD limit+8(FP), R1
	MOVD blocks+16(FP), R2
	VEOR V16.B16, V16.B16, V16.B16
	VEOR V17.B16, V17.B16, V17.B16

loop:
	VLD1.P 64(R0), [V0.S4, V1.S4, V2.S4, V3.S4]
	VLD1.P 64(R1), [V4.S4, V5.S4, V6.S4, V7.S4]
	CMGT(4, 0, 0)
	CMGT(5, 1, 1)
	CMGT(6, 2, 2)
	CMGT(7, 3, 3)
	VORR   V0.B16, V16.B16, V16.B16
	VORR   V1.B16, V17.B16, V17.B16
	VORR   V2.B16, V16.B16, V16.B16
	VORR   V3.B16, V17.B16, V17.B16
	SUBS   $1, R2
	BNE    loop
	VORR   V17.B16, V16.B16, V16.B16
	VMOV   V16.D[0], R3
	VMOV   V16.D[1], R4
	ORR    R4, R3, R3
	CMP    $0, R3
	CSET   NE, R3
	MOVB   R3, ret+24(FP)
	RET
