//go:build !purego

#include "textflag.h"

// func loadAVX(dstRe, dstIm, srcRe, srcIm *float32, places *int32, quads int)
//
// Eight columns at a time: x0…x3 are the rows at four places, and
// y0 = (x0+x1)+(x2+x3), y1 = (x0-x1)-i(x2-x3), y2 = (x0+x1)-(x2+x3), y3 = (x0-x1)+i(x2-x3).
TEXT ·loadAVX(SB), NOSPLIT, $0-48
	MOVQ dstRe+0(FP), DI
	MOVQ dstIm+8(FP), SI
	MOVQ srcRe+16(FP), R8
	MOVQ srcIm+24(FP), R9
	MOVQ places+32(FP), R10
	MOVQ quads+40(FP), CX

loop:
	MOVLQSX 0(R10), AX
	MOVLQSX 4(R10), BX
	MOVLQSX 8(R10), DX
	MOVLQSX 12(R10), R11
	VMOVUPS (R8)(AX*4), Y0
	VMOVUPS (R8)(BX*4), Y1
	VMOVUPS (R8)(DX*4), Y2
	VMOVUPS (R8)(R11*4), Y3
	VMOVUPS (R9)(AX*4), Y4
	VMOVUPS (R9)(BX*4), Y5
	VMOVUPS (R9)(DX*4), Y6
	VMOVUPS (R9)(R11*4), Y7
	VADDPS  Y1, Y0, Y8
	VSUBPS  Y1, Y0, Y9
	VADDPS  Y3, Y2, Y10
	VSUBPS  Y3, Y2, Y11
	VADDPS  Y5, Y4, Y12
	VSUBPS  Y5, Y4, Y13
	VADDPS  Y7, Y6, Y14
	VSUBPS  Y7, Y6, Y15
	VADDPS  Y10, Y8, Y0
	VADDPS  Y15, Y9, Y1
	VSUBPS  Y10, Y8, Y2
	VSUBPS  Y15, Y9, Y3
	VADDPS  Y14, Y12, Y4
	VSUBPS  Y11, Y13, Y5
	VSUBPS  Y14, Y12, Y6
	VADDPS  Y11, Y13, Y7
	VMOVUPS Y0, 0(DI)
	VMOVUPS Y1, 32(DI)
	VMOVUPS Y2, 64(DI)
	VMOVUPS Y3, 96(DI)
	VMOVUPS Y4, 0(SI)
	VMOVUPS Y5, 32(SI)
	VMOVUPS Y6, 64(SI)
	VMOVUPS Y7, 96(SI)
	ADDQ    $16, R10
	ADDQ    $128, DI
	ADDQ    $128, SI
	DECQ    CX
	JNZ     loop
	VZEROUPPER
	RET
