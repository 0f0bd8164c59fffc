//go:build !purego

#include "textflag.h"

// func aboveAVX2(x, limit *float32, blocks int) bool
TEXT ·aboveAVX2(SB), NOSPLIT, $0-25
	MOVQ  x+0(FP), SI
	MOVQ  limit+8(FP), DI
	MOVQ  blocks+16(FP), CX
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3

loop:
	VMOVDQU  0(SI), Y0
	VMOVDQU  32(SI), Y1
	VPCMPGTD 0(DI), Y0, Y0
	VPCMPGTD 32(DI), Y1, Y1
	VPOR     Y0, Y2, Y2
	VPOR     Y1, Y3, Y3
	ADDQ     $64, SI
	ADDQ     $64, DI
	DECQ     CX
	JNZ      loop
	VPOR     Y3, Y2, Y2
	VPTEST   Y2, Y2
	SETNE    ret+24(FP)
	VZEROUPPER
	RET
