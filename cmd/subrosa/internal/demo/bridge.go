package demo

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"subrosa/firmware/shadow"
	"subrosa/firmware/topic"
	"subrosa/mdm"
)

// bridgeID says on every page that nothing of it is real.
const bridgeID = "synthetisch"

// The devices of the scene: all are managed, two have their screens locked when the room asks, and are unlocked a little later.
const (
	bridgeAsleep = 2
	bridgeMics   = 5
	wakeAfter    = 12 * time.Second // scenario time
	fleetOff     = 243              // standing posture of a city that does not exist
	fleetAll     = 250
)

// bridge stands for a device management and its devices, which do not exist. On MQTT it is as any bridge would be: it hears what
// the room asks, counts, and proves the rest when screens are unlocked.
type bridge struct {
	shadow *shadow.Shadow
	now    func() time.Time
	cancel context.CancelFunc
	ended  sync.WaitGroup

	mu    sync.Mutex
	want  mdm.Desired
	since time.Time // when the present holder was first heard of
}

// rosterCSV is who attends the demo: marks, no names.
func rosterCSV() string {
	var b strings.Builder
	b.WriteString("id,role,devices,from,to\n")
	fmt.Fprintln(&b, "m-01,chair,d-01,,\nm-02,clerk,d-02,,")
	for i := 3; i <= 9; i++ {
		fmt.Fprintf(&b, "m-%02d,councillor,d-%02d,,\n", i, i)
	}
	fmt.Fprintln(&b, "m-10,councillor,,,\nm-11,staff,,,\nm-12,guest,,,")
	return b.String()
}

// layRoster writes the roster beside the unit's file, and returns the key that names it.
func (d *demo) layRoster() (map[string]any, error) {
	if err := os.WriteFile(filepath.Join(d.dir, "unit", "roster.csv"), []byte(rosterCSV()), 0o600); err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	return map[string]any{"roster": map[string]any{"file": "roster.csv"}}, nil
}

func (d *demo) newBridge() (*bridge, error) {
	dir := d.site.Path("mdmbridge")
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	_, port, err := net.SplitHostPort(d.broker)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	b := &bridge{now: d.clock.Now}
	b.shadow, err = shadow.Open(shadow.Options{Broker: "tls://localhost:" + port, TLS: &tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: d.site.Pool()},
		Identity: topic.Identity{Role: topic.MDMBridge, Conns: []string{bridgeID}}, Dir: filepath.Join(d.dir, "bridge"), Now: d.clock.Now,
		Presence: map[string]any{"software": "synthetic"}, Log: slog.New(slog.DiscardHandler), Settle: 100 * time.Millisecond})
	if err != nil {
		return nil, err
	}
	if err := b.shadow.Watch(topic.LockdownDesired(roomID), b.desired); err != nil {
		return nil, err
	}
	_ = b.shadow.Report(topic.MDMPosture(bridgeID), mdm.Posture{Off: fleetOff, Total: fleetAll, At: d.clock.Now(), Standing: []string{"assistant"},
		Counts: map[mdm.State]int{mdm.LockedVerified: fleetOff, mdm.Offline: fleetAll - fleetOff}, Evidence: mdm.Restrictions}) // again when there is a connection
	ctx, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	b.ended.Go(func() { b.shadow.Run(ctx) })
	b.ended.Go(func() {
		for tick := time.Tick(again); ; {
			b.tell()
			select {
			case <-ctx.Done():
				return
			case <-tick:
			}
		}
	})
	return b, nil
}

func (b *bridge) desired(m shadow.Message) {
	w, err := mdm.ReadDesired(m.Data)
	if err != nil {
		return
	}
	b.mu.Lock()
	if w.Version > b.want.Version {
		if w.Session != b.want.Session || w.Mode != b.want.Mode {
			b.since = b.now()
		}
		b.want = w
	}
	b.mu.Unlock()
	b.tell()
}

// tell counts the devices as they would be by now.
func (b *bridge) tell() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.want.Version == 0 {
		return
	}
	n := len(b.want.Devices)
	r := mdm.Report{DesiredVersion: b.want.Version, Session: b.want.Session, Mode: b.want.Mode, Counts: map[mdm.State]int{},
		Evidence: mdm.Restrictions, Limits: []string{}, Since: b.since}
	if b.want.Mode == mdm.Locked {
		asleep := min(bridgeAsleep, n)
		if b.now().Sub(b.since) >= wakeAfter {
			asleep = 0
		}
		r.Counts[mdm.LockedVerified] = n - asleep
		if asleep > 0 {
			r.Counts[mdm.NotNow] = asleep
		}
		r.Microphones = mdm.Count{Can: min(bridgeMics, n-asleep), Off: min(bridgeMics, n-asleep)}
	}
	// What cannot be sent now is in the outbox; the next tick says it again.
	_ = b.shadow.Report(topic.LockdownReported(roomID, bridgeID), r)
}

func (b *bridge) stop() {
	b.cancel()
	b.ended.Wait()
	_ = b.shadow.Close() // the demo's own, and it is over
}
