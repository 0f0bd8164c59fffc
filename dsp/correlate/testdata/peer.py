# The peer of TestPeer: on every line of input, one round of each task, and its processor time in seconds.
import sys
import time

import numpy
import scipy.fft as fft

x = numpy.random.default_rng(0).normal(size=480000).astype(numpy.float32)
y = x[::-1].copy()
a, b = x[:479232].reshape(-1, 4096), y[:479232].reshape(-1, 4096)


def ncc():
    n = 1 << 20
    r = fft.irfft(fft.rfft(x, n, workers=1) * numpy.conj(fft.rfft(y, n, workers=1)), workers=1)
    return r / numpy.sqrt(numpy.dot(x, x) * numpy.dot(y, y))


def phat():
    c = fft.rfft(a, 8192, axis=1, workers=1) * numpy.conj(fft.rfft(b, 8192, axis=1, workers=1))
    return fft.irfft(c / (numpy.abs(c) + 1e-9), workers=1)


assert ncc().dtype == numpy.float32 and phat().dtype == numpy.float32
for _ in sys.stdin:
    for task in ncc, phat:
        t = time.process_time()
        task()
        print(time.process_time() - t, end=" ")
    print(flush=True)
