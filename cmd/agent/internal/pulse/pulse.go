// Package pulse mutes every capture source of a PulseAudio server, or of PipeWire's pipewire-pulse, which speaks the same
// protocol: microphones, virtual sources, and the monitors of outputs, through which a video conference could be recorded.
//
// What it cannot: programs that open the sound card through raw ALSA while no sound server holds it.
package pulse

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/jfreymuth/pulse/proto"

	"subrosa/cmd/agent/internal/warden"
	"subrosa/mdm"
)

const (
	muted   = "muted"
	unmuted = "open"
)

// Limit is the slug for what a sound server cannot keep: see the package comment.
const Limit = "raw-devices-not-covered"

// Server is a sound server. The zero value is the user's own.
type Server struct {
	Address string // "unix:/run/user/1000/pulse/native"; "": as PULSE_SERVER says, or the user's own
}

// Name is "sound".
func (Server) Name() string { return "sound" }

// Covers microphones.
func (Server) Covers() mdm.Set { return mdm.Microphone }

// Limits names raw devices.
func (Server) Limits() []string { return []string{Limit} }

func (s Server) dial(callback func(any)) (*proto.Client, net.Conn, error) {
	c, conn, err := proto.Connect(s.Address)
	if err != nil {
		return nil, nil, fmt.Errorf("pulse: the sound server does not answer: %w", err)
	}
	c.Callback = callback
	props := proto.PropList{"application.name": proto.PropListString("subrosa agent")}
	if err := c.Request(&proto.SetClientName{Props: props}, &proto.SetClientNameReply{}); err != nil {
		conn.Close()
		return nil, nil, fmt.Errorf("pulse: %w", err)
	}
	return c, conn, nil
}

// List returns the sources by name, which is the same after a restart.
func (s Server) List(context.Context) ([]warden.Item, error) {
	c, conn, err := s.dial(nil)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	var list proto.GetSourceInfoListReply
	if err := c.Request(&proto.GetSourceInfoList{}, &list); err != nil {
		return nil, fmt.Errorf("pulse: list of sources: %w", err)
	}
	out := make([]warden.Item, 0, len(list))
	for _, src := range list {
		it := warden.Item{ID: src.SourceName, Value: unmuted, Off: muted, Serves: mdm.Microphone}
		if src.Mute {
			it.Value = muted
		}
		out = append(out, it)
	}
	return out, nil
}

// Set mutes a source or opens it.
func (s Server) Set(_ context.Context, id, value string) error {
	c, conn, err := s.dial(nil)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := c.Request(&proto.SetSourceMute{SourceIndex: proto.Undefined, SourceName: id, Mute: value == muted}, nil); err != nil {
		return fmt.Errorf("pulse: %s: %w", id, err)
	}
	return nil
}

// Watch hears of every source that appears, changes or goes.
func (s Server) Watch(ctx context.Context, changed func()) error {
	gone := make(chan struct{}, 1)
	c, conn, err := s.dial(func(msg any) {
		switch m := msg.(type) {
		case *proto.SubscribeEvent:
			changed()
		case *proto.ConnectionClosed:
			_ = m
			select {
			case gone <- struct{}{}:
			default:
			}
		}
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	mask := proto.SubscriptionMaskSource | proto.SubscriptionMaskServer | proto.SubscriptionMaskCard
	if err := c.Request(&proto.Subscribe{Mask: mask}, nil); err != nil {
		return fmt.Errorf("pulse: subscription: %w", err)
	}
	changed()
	select {
	case <-ctx.Done():
		return nil
	case <-gone:
		return errors.New("pulse: the sound server is gone")
	}
}
