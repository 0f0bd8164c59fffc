package fft

// plain is the kernel set in Go alone.
var plain = kernel{
	name:         "go",
	load:         loadGo,
	stage4:       stage4Go,
	stage2:       stage2Go,
	transpose:    transposeGo,
	unpack:       unpackGo,
	power:        powerGo,
	deinterleave: deinterleaveGo,
	interleave:   interleaveGo,
}

func loadGo(dstRe, dstIm, srcRe, srcIm []float32, places []int32) {
	for ; len(places) >= 4; places = places[4:] {
		a, b, c, d := places[0], places[1], places[2], places[3]
		x0r, x1r, x2r, x3r := srcRe[a:a+width], srcRe[b:b+width], srcRe[c:c+width], srcRe[d:d+width]
		x0i, x1i, x2i, x3i := srcIm[a:a+width], srcIm[b:b+width], srcIm[c:c+width], srcIm[d:d+width]
		yr, yi := dstRe[:4*width], dstIm[:4*width]
		for j := range width {
			pr, pi, mr, mi := x0r[j]+x1r[j], x0i[j]+x1i[j], x0r[j]-x1r[j], x0i[j]-x1i[j]
			qr, qi, nr, ni := x2r[j]+x3r[j], x2i[j]+x3i[j], x2r[j]-x3r[j], x2i[j]-x3i[j]
			yr[j], yi[j] = pr+qr, pi+qi
			yr[width+j], yi[width+j] = mr+ni, mi-nr
			yr[2*width+j], yi[2*width+j] = pr-qr, pi-qi
			yr[3*width+j], yi[3*width+j] = mr-ni, mi+nr
		}
		dstRe, dstIm = dstRe[4*width:], dstIm[4*width:]
	}
}

func stage4Go(re, im []float32, s int, t *twiddles) {
	w1r, w1i, w2r, w2i, w3r, w3i := t.re1[:s], t.im1[:s], t.re2[:s], t.im2[:s], t.re3[:s], t.im3[:s]
	for ; len(re) >= 4*s; re, im = re[4*s:], im[4*s:] {
		x0r, x1r, x2r, x3r := re[:s], re[s:2*s], re[2*s:3*s], re[3*s:4*s]
		x0i, x1i, x2i, x3i := im[:s], im[s:2*s], im[2*s:3*s], im[3*s:4*s]
		for j := range s {
			ar, ai := x1r[j]*w1r[j]-x1i[j]*w1i[j], x1r[j]*w1i[j]+x1i[j]*w1r[j]
			br, bi := x2r[j]*w2r[j]-x2i[j]*w2i[j], x2r[j]*w2i[j]+x2i[j]*w2r[j]
			cr, ci := x3r[j]*w3r[j]-x3i[j]*w3i[j], x3r[j]*w3i[j]+x3i[j]*w3r[j]
			pr, pi, mr, mi := x0r[j]+ar, x0i[j]+ai, x0r[j]-ar, x0i[j]-ai
			qr, qi, nr, ni := br+cr, bi+ci, br-cr, bi-ci
			x0r[j], x0i[j] = pr+qr, pi+qi
			x1r[j], x1i[j] = mr+ni, mi-nr
			x2r[j], x2i[j] = pr-qr, pi-qi
			x3r[j], x3i[j] = mr-ni, mi+nr
		}
	}
}

func stage2Go(re, im []float32, s int, wr, wi []float32) {
	wr, wi = wr[:s], wi[:s]
	for ; len(re) >= 2*s; re, im = re[2*s:], im[2*s:] {
		x0r, x1r, x0i, x1i := re[:s], re[s:2*s], im[:s], im[s:2*s]
		for j := range s {
			tr, ti := x1r[j]*wr[j]-x1i[j]*wi[j], x1r[j]*wi[j]+x1i[j]*wr[j]
			x0r[j], x0i[j], x1r[j], x1i[j] = x0r[j]+tr, x0i[j]+ti, x0r[j]-tr, x0i[j]-ti
		}
	}
}

func unpackGo(dstRe, dstIm, zRe, zIm, wRe, wIm []float32) {
	n := len(zRe)
	for k := 1; k < n; k++ {
		er, ei := 0.5*(zRe[k]+zRe[n-k]), 0.5*(zIm[k]-zIm[n-k])
		dr, di := zRe[k]-zRe[n-k], zIm[k]+zIm[n-k]
		dstRe[k] = er + 0.5*(wRe[k-1]*di+wIm[k-1]*dr)
		dstIm[k] = ei + 0.5*(wIm[k-1]*di-wRe[k-1]*dr)
	}
}

func powerGo(dst, zRe, zIm, wRe, wIm []float32) {
	n := len(zRe)
	for k := 1; k < n; k++ {
		er, ei := 0.5*(zRe[k]+zRe[n-k]), 0.5*(zIm[k]-zIm[n-k])
		dr, di := zRe[k]-zRe[n-k], zIm[k]+zIm[n-k]
		re := er + 0.5*(wRe[k-1]*di+wIm[k-1]*dr)
		im := ei + 0.5*(wIm[k-1]*di-wRe[k-1]*dr)
		dst[k] = re*re + im*im
	}
}

func deinterleaveGo(a, b, src []float32) {
	b, src = b[:len(a)], src[:2*len(a)]
	for i := range a {
		a[i], b[i] = src[2*i], src[2*i+1]
	}
}

func interleaveGo(dst, a, b []float32) {
	b, dst = b[:len(a)], dst[:2*len(a)]
	for i := range a {
		dst[2*i], dst[2*i+1] = a[i], b[i]
	}
}

func transposeGo(dst [][]float32, src []float32) {
	for c, d := range dst {
		for r := range d {
			d[r] = src[r*len(dst)+c]
		}
	}
}
