"""Scores of the reference: PYTHONPATH=PYSTOI python3 reference.py FOLDER > pystoi.tsv, for pairs that the test wrote."""
import glob
import sys

import numpy as np
from pystoi import stoi

for name in sorted(glob.glob(sys.argv[1] + "/*.pair")):
    with open(name, "rb") as f:
        rate, what = f.readline().decode().rstrip("\n").split("\t")
        n = int(f.readline())
        both = np.frombuffer(f.read(), "<i2").astype(float) / 32768
    print(f"{rate}\t{what}\t{stoi(both[:n], both[n:], int(rate), extended=False):.9f}")
