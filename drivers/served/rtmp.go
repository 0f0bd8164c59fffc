package served

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
)

const (
	rtmpVersion = 3
	rtmpBlock   = 1536 // bytes of C1, S1, C2, S2
)

// rtmp shakes hands. The handshake names no stream, so that it can only tell that a server is there.
func (l *Look) rtmp(ctx context.Context) Answer {
	c, done, err := l.dial(ctx, "tcp")
	if err != nil {
		return failed(err)
	}
	defer done()
	var c1 [rtmpBlock]byte
	_, _ = rand.Read(c1[8:]) // never fails; time and zero stay 0
	switch err := shake(c, c1); {
	case err == nil:
		return Answer{Unknown, "rtmp-answers"}
	case errors.Is(err, errReply):
		return Answer{Unknown, "unreadable"}
	default:
		return failed(err)
	}
}

// shake sends C0 and C1 and reads S0, S1 and S2, which must give C1 back.
func shake(c io.ReadWriter, c1 [rtmpBlock]byte) error {
	if _, err := c.Write(append([]byte{rtmpVersion}, c1[:]...)); err != nil {
		return fmt.Errorf("served: %w", err)
	}
	var s [1 + 2*rtmpBlock]byte
	if _, err := io.ReadFull(c, s[:1]); err != nil {
		return fmt.Errorf("served: %w", err)
	}
	if s[0] != rtmpVersion {
		return fmt.Errorf("%w: version %d", errReply, s[0])
	}
	if _, err := io.ReadFull(c, s[1:]); err != nil {
		return fmt.Errorf("served: %w", err)
	}
	// Section 5.2.4: bytes 8 on are what was sent. Servers of the scheme with digests (Flash 9) send others there, so
	// this is not insisted on.
	return nil
}
