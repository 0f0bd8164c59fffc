//go:build !purego

#include "textflag.h"

// The assembler of Go 1.26 lacks these: machine words of the Arm Architecture Reference Manual, d = f(n).
#define SXTL8(n, d)   WORD $(0x0F08A400 | (n)<<5 | (d)) // low 8 bytes to 8 shorts
#define SXTL8H(n, d)  WORD $(0x4F08A400 | (n)<<5 | (d)) // high 8
#define SXTL16(n, d)  WORD $(0x0F10A400 | (n)<<5 | (d)) // low 4 shorts to 4 words
#define SXTL16H(n, d) WORD $(0x4F10A400 | (n)<<5 | (d))
#define SCVTF(n, d)   WORD $(0x4E21D800 | (n)<<5 | (d)) // 4 words to 4 floats
#define FMUL(m, n, d) WORD $(0x6E20DC00 | (m)<<16 | (n)<<5 | (d))
#define FADD(m, n, d) WORD $(0x4E20D400 | (m)<<16 | (n)<<5 | (d))

// func offsetNEON(dst *float32, src *byte, blocks int, scale, shift float32)
TEXT ·offsetNEON(SB), NOSPLIT, $0-32
	MOVD  dst+0(FP), R0
	MOVD  src+8(FP), R1
	MOVD  blocks+16(FP), R2
	MOVWU scale+24(FP), R3
	MOVWU shift+28(FP), R4
	VDUP  R3, V29.S4
	VDUP  R4, V30.S4
	MOVD  $0x80, R5
	VDUP  R5, V31.B16

loop:
	VLD1.P 16(R1), [V0.B16]
	VEOR   V31.B16, V0.B16, V0.B16
	SXTL8(0, 1)
	SXTL8H(0, 2)
	SXTL16(1, 4)
	SXTL16H(1, 5)
	SXTL16(2, 6)
	SXTL16H(2, 7)
	SCVTF(4, 4)
	SCVTF(5, 5)
	SCVTF(6, 6)
	SCVTF(7, 7)
	FMUL(29, 4, 4)
	FMUL(29, 5, 5)
	FMUL(29, 6, 6)
	FMUL(29, 7, 7)
	FADD(30, 4, 4)
	FADD(30, 5, 5)
	FADD(30, 6, 6)
	FADD(30, 7, 7)
	VST1.P [V4.S4, V5.S4, V6.S4, V7.S4], 64(R0)
	SUBS   $1, R2
	BNE    loop
	RET
