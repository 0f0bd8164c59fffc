//go:build !purego

#include "textflag.h"

// func taperAVX2(re, im *float32, x *complex64, win *float32, blocks int)
TEXT ·taperAVX2(SB), NOSPLIT, $0-40
	MOVQ re+0(FP), DI
	MOVQ im+8(FP), SI
	MOVQ x+16(FP), R8
	MOVQ win+24(FP), R9
	MOVQ blocks+32(FP), CX

loop:
	VMOVUPS 0(R8), Y0             // r0 i0 r1 i1 | r2 i2 r3 i3
	VMOVUPS 32(R8), Y1            // r4 i4 r5 i5 | r6 i6 r7 i7
	VMOVUPS 0(R9), Y4
	VSHUFPS $0x88, Y1, Y0, Y2     // r0 r1 r4 r5 | r2 r3 r6 r7
	VSHUFPS $0xDD, Y1, Y0, Y3     // i0 i1 i4 i5 | i2 i3 i6 i7
	VPERMPD $0xD8, Y2, Y2         // r0 r1 r2 r3 | r4 r5 r6 r7
	VPERMPD $0xD8, Y3, Y3
	VMULPS  Y4, Y2, Y2
	VMULPS  Y4, Y3, Y3
	VMOVUPS Y2, 0(DI)
	VMOVUPS Y3, 0(SI)
	ADDQ    $64, R8
	ADDQ    $32, R9
	ADDQ    $32, DI
	ADDQ    $32, SI
	DECQ    CX
	JNZ     loop
	VZEROUPPER
	RET
