//go:build !purego

#include "textflag.h"

// The assembler of Go 1.26 has no floating-point vector addition: these are its machine words (Arm Architecture
// Reference Manual, "FADD (vector)" and "FSUB (vector)", 4S), written as d = n ± m.
#define FADD(m, n, d) WORD $(0x4E20D400 | (m)<<16 | (n)<<5 | (d))
#define FSUB(m, n, d) WORD $(0x4EA0D400 | (m)<<16 | (n)<<5 | (d))

// Four columns: x0…x3 are V(r), V(r+2), V(r+4), V(r+6) and V(16+r) …; y0…y3 replace them.
#define RADIX4(r) \
	FADD(r+2, r, 24);     \ // re x0+x1
	FSUB(r+2, r, 25);     \ // re x0-x1
	FADD(r+6, r+4, 26);   \ // re x2+x3
	FSUB(r+6, r+4, 27);   \ // re x2-x3
	FADD(r+18, r+16, 28); \ // im x0+x1
	FSUB(r+18, r+16, 29); \ // im x0-x1
	FADD(r+22, r+20, 30); \ // im x2+x3
	FSUB(r+22, r+20, 31); \ // im x2-x3
	FADD(26, 24, r);      \ // y0
	FADD(30, 28, r+16);   \
	FADD(31, 25, r+2);    \ // y1 = (x0-x1) - i(x2-x3)
	FSUB(27, 29, r+18);   \
	FSUB(26, 24, r+4);    \ // y2
	FSUB(30, 28, r+20);   \
	FSUB(31, 25, r+6);    \ // y3 = (x0-x1) + i(x2-x3)
	FADD(27, 29, r+22)

// func loadNEON(dstRe, dstIm, srcRe, srcIm *float32, places *int32, quads int)
TEXT ·loadNEON(SB), NOSPLIT, $0-48
	MOVD dstRe+0(FP), R0
	MOVD dstIm+8(FP), R1
	MOVD srcRe+16(FP), R2
	MOVD srcIm+24(FP), R3
	MOVD places+32(FP), R4
	MOVD quads+40(FP), R5

loop:
	MOVW 0(R4), R6
	MOVW 4(R4), R7
	MOVW 8(R4), R8
	MOVW 12(R4), R9
	ADD  $16, R4
	ADD  R6<<2, R2, R10
	ADD  R7<<2, R2, R11
	ADD  R8<<2, R2, R12
	ADD  R9<<2, R2, R13
	VLD1 (R10), [V0.S4, V1.S4]
	VLD1 (R11), [V2.S4, V3.S4]
	VLD1 (R12), [V4.S4, V5.S4]
	VLD1 (R13), [V6.S4, V7.S4]
	ADD  R6<<2, R3, R10
	ADD  R7<<2, R3, R11
	ADD  R8<<2, R3, R12
	ADD  R9<<2, R3, R13
	VLD1 (R10), [V16.S4, V17.S4]
	VLD1 (R11), [V18.S4, V19.S4]
	VLD1 (R12), [V20.S4, V21.S4]
	VLD1 (R13), [V22.S4, V23.S4]
	RADIX4(0)
	RADIX4(1)
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	VST1.P [V4.S4, V5.S4, V6.S4, V7.S4], 64(R0)
	VST1.P [V16.S4, V17.S4, V18.S4, V19.S4], 64(R1)
	VST1.P [V20.S4, V21.S4, V22.S4, V23.S4], 64(R1)
	SUBS $1, R5
	BNE  loop
	RET
