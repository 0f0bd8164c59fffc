//go:build !purego

#include "textflag.h"

DATA middle<>+0(SB)/4, $128
GLOBL middle<>(SB), RODATA|NOPTR, $4

// func offsetAVX2(dst *float32, src *byte, blocks int, scale, shift float32)
TEXT ·offsetAVX2(SB), NOSPLIT, $0-32
	MOVQ         dst+0(FP), DI
	MOVQ         src+8(FP), SI
	MOVQ         blocks+16(FP), CX
	VBROADCASTSS scale+24(FP), Y14
	VBROADCASTSS shift+28(FP), Y15
	VPBROADCASTD middle<>(SB), Y13

loop:
	VPMOVZXBD 0(SI), Y0
	VPMOVZXBD 8(SI), Y1
	VPSUBD    Y13, Y0, Y0
	VPSUBD    Y13, Y1, Y1
	VCVTDQ2PS Y0, Y0
	VCVTDQ2PS Y1, Y1
	VMULPS    Y14, Y0, Y0
	VMULPS    Y14, Y1, Y1
	VADDPS    Y15, Y0, Y0
	VADDPS    Y15, Y1, Y1
	VMOVUPS   Y0, 0(DI)
	VMOVUPS   Y1, 32(DI)
	ADDQ      $16, SI
	ADDQ      $64, DI
	DECQ      CX
	JNZ       loop
	VZEROUPPER
	RET
