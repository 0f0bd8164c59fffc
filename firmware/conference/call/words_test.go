package call

import (
	"encoding/binary"
	"slices"
	"testing"

	"subrosa/firmware/conference/level"
	"subrosa/firmware/conference/signal"
)

// private is an MLSMessage(PrivateMessage) with application content, which nobody here can open.
func private(epoch uint64) []byte {
	b := append([]byte{0, 1, 0, 2, 16}, "0123456789abcdef"...)
	b = binary.BigEndian.AppendUint64(b, epoch)
	return append(b, 1, 0, 0, 1, 0xaa)
}

// TestWordsOfAnEpochThatIsOver: who came in with the last commit could not open them, so that they are not ordered, and the
// sender is told. That is no fault of theirs: commits come when they come.
func TestWordsOfAnEpochThatIsOver(t *testing.T) {
	s, chair, a, b := meet(t, level.Internal)
	s.forget(chair, a, b)
	for n := range uint64(30) {
		if !s.say(a, "application", &signal.Application{Group: []byte("0123456789abcdef"), Message: private(3), N: n}) {
			t.Fatalf("after %d late words the connection ends", n)
		}
		if r := last[*signal.ApplicationRefused](t, a); r.N != n || r.Why != "late" {
			t.Errorf("refused %+v", r)
		}
	}
	s.say(a, "application", &signal.Application{Group: []byte("0123456789abcdef"), Message: private(4)})
	for _, o := range []*out{chair, b} {
		if d := take[*signal.Delivered](o); len(d) != 1 || !slices.Equal(d[0].Message, private(4)) {
			t.Errorf("%s: %d delivered", o.name, len(d))
		}
	}
}
