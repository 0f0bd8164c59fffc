package demo

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"time"

	"subrosa/firmware/event"
	"subrosa/firmware/report"
	"subrosa/firmware/shadow"
	"subrosa/firmware/topic"
)

const gatewayID = "medien"

// gateway is the building's AV gateway, which does not exist: it switches devices as the room asks, tells how they are
// often, and has one device that only a person can switch. On MQTT it is as any gateway would be.
type gateway struct {
	shadow *shadow.Shadow
	cancel context.CancelFunc
	ended  sync.WaitGroup

	mu    sync.Mutex
	state map[string]string // device → on, off
	stuck map[string]bool   // does not obey
}

// again is how often it tells the state of its devices, real time.
const again = 500 * time.Millisecond

func (d *demo) newGateway() (*gateway, error) {
	dir := d.site.Path("gateway/" + gatewayID)
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	_, port, err := net.SplitHostPort(d.broker)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	g := &gateway{state: map[string]string{}, stuck: map[string]bool{"stream": true}}
	for _, a := range councilAV {
		g.state[a] = "on"
	}
	g.shadow, err = shadow.Open(shadow.Options{Broker: "tls://localhost:" + port, TLS: &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: d.site.Pool()},
		Identity: topic.Identity{Role: topic.Gateway, Rooms: []string{roomID}}, Dir: filepath.Join(d.dir, "gateway"), Now: d.clock.Now,
		Log: slog.New(slog.DiscardHandler), Settle: 100 * time.Millisecond})
	if err != nil {
		return nil, err
	}
	if err := g.shadow.Watch(topic.AVDesired(roomID, topic.Any), g.desired); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	g.cancel = cancel
	g.ended.Go(func() { g.shadow.Run(ctx) })
	g.ended.Go(func() {
		for tick := time.Tick(again); ; {
			g.tell()
			select {
			case <-ctx.Done():
				return
			case <-tick:
			}
		}
	})
	return g, nil
}

// desired does what the room asks, but for the device that does not obey.
func (g *gateway) desired(m shadow.Message) {
	want, err := event.Data[report.AV](event.Event{Data: m.Data})
	if err != nil || want.State != "on" && want.State != "off" {
		return
	}
	g.mu.Lock()
	device := m.Topic.ID("device")
	if !g.stuck[device] {
		g.state[device] = want.State
	}
	g.mu.Unlock()
	g.tell()
}

// turn is a person at the device itself; from then on it obeys.
func (g *gateway) turn(device, state string) {
	g.mu.Lock()
	g.state[device], g.stuck[device] = state, false
	g.mu.Unlock()
	g.tell()
}

// all reports whether every device is in a state.
func (g *gateway) all(state string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.state {
		if s != state {
			return false
		}
	}
	return true
}

func (g *gateway) tell() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for device, s := range g.state {
		// What cannot be sent now is in the outbox; the next tick says it again.
		_ = g.shadow.Report(topic.AVReported(roomID, device), report.AV{Writer: gatewayID, State: s})
	}
}

func (g *gateway) stop() {
	g.cancel()
	g.ended.Wait()
	_ = g.shadow.Close() // the demo's own, and it is over
}
