package spectrum

// taperBlocks splits eight samples at a time where this processor has the instructions; nil elsewhere.
var taperBlocks func(re, im *float32, x *complex64, win *float32, blocks int)

// taper writes the parts of win·x, all of one length, into re and im.
func taper(re, im []float32, x []complex64, win []float32) {
	const block = 8
	n := len(x)
	re, im, win = re[:n], im[:n], win[:n]
	i := 0
	if k := n / block; k > 0 && taperBlocks != nil {
		taperBlocks(&re[0], &im[0], &x[0], &win[0], k)
		i = k * block
	}
	for ; i < n; i++ {
		re[i], im[i] = real(x[i])*win[i], imag(x[i])*win[i]
	}
}
