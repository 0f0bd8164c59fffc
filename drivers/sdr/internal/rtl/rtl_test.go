package rtl

import "testing"

func TestCheckRate(t *testing.T) {
	for rate, want := range map[int]bool{0: false, 225_000: false, 225_001: true, 250_000: true, 300_000: true, 300_001: false,
		900_000: false, 900_001: true, 2_400_000: true, 3_200_000: true, 3_200_001: false, -1: false} {
		if got := CheckRate(rate) == nil; got != want {
			t.Errorf("%d samples/s accepted: %v, want %v", rate, got, want)
		}
	}
}

func TestTuners(t *testing.T) {
	for tuner := Tuner(1); tuner <= 6; tuner++ {
		if lo, hi := tuner.Limits(); !(lo > 1e6 && hi > lo) || !tuner.Known() {
			t.Errorf("%v: %g to %g Hz", tuner, lo, hi)
		}
	}
	for _, tuner := range []Tuner{-1, 0, 7} {
		if lo, hi := tuner.Limits(); lo != 0 || hi != 0 || tuner.Known() {
			t.Errorf("%v is known", tuner)
		}
	}
	if CheckPPM(1001) == nil || CheckPPM(-1001) == nil || CheckPPM(-60) != nil {
		t.Error("ppm")
	}
}

func TestNearest(t *testing.T) {
	gains := []int{0, 9, 14, 27, 496}
	for want, nearest := range map[int]int{-50: 0, 5: 9, 11: 9, 12: 14, 20: 14, 300: 496, 1000: 496} {
		if got := Nearest(gains, want); got != nearest {
			t.Errorf("nearest to %d: got %d, want %d", want, got, nearest)
		}
	}
	if got := Nearest(nil, 7); got != 0 {
		t.Errorf("of none: %d", got)
	}
}
