// Package desk writes exports for the information security officer. A room's journal lies on its unit and nowhere else:
// the desk fetches the unit's evidence bundle, checks it against the unit's pin and against the heads that the console has
// seen, writes from it the same files as "subrosa export", and keeps nothing of it but the ZIP, for half an hour.
//
// Figures need the journal from its beginning: what a contact said last counts until it says something else. So the whole
// bundle is fetched to count from, and that of the period to file.
package desk

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"subrosa/firmware/bundle"
	"subrosa/firmware/checkpoint"
	"subrosa/firmware/compliance"
	"subrosa/firmware/handout"
)

// keep is how long a result can be fetched.
const keep = 30 * time.Minute

// maxJobs is how many jobs are known at a time, done ones among them.
const maxJobs = 16

// Sentinel errors of Start.
var (
	ErrBusy    = errors.New("desk: another export is being written")
	ErrUnknown = errors.New("desk: no address of this unit is known")
)

// Unit is where a unit gives its evidence, and who it is.
type Unit struct {
	Address string `json:"address"` // host:port of its "evidence"
	Pin     string `json:"pin"`     // fingerprint of its key, from the room file; "": nothing vouches for the key
}

// Check reports what is wrong with a unit's entry.
func (u Unit) Check() error {
	if host, port, ok := strings.Cut(u.Address, ":"); !ok || host == "" || port == "" || strings.ContainsAny(u.Address, "/@?# ") {
		return fmt.Errorf("address %q: want host:port, such as ratssaal.raum.example:8445", u.Address)
	}
	if u.Pin == "" {
		return nil
	}
	if _, err := checkpoint.ParsePin([]byte(u.Pin)); err != nil {
		return fmt.Errorf("pin: want the 64 digits of the unit's .pin file: %w", err)
	}
	return nil
}

// Fetch gets a bundle; handout.Client.Fetch does.
type Fetch func(ctx context.Context, address string, from, to time.Time, progress func(have, all int64)) ([]byte, error)

// Options of a Desk.
type Options struct {
	Units        map[string]Unit
	Fetch        Fetch
	Heads        func(ctx context.Context, unit string) ([][]byte, error) // that the console remembers
	Dir          string                                                   // for results; emptied by New
	Organisation string
	Now          func() time.Time
	Log          *slog.Logger
}

// Order is what an officer wants.
type Order struct {
	Account     int64
	Room, Title string // id, and name for people
	Unit        string
	Period      compliance.Period
}

// Step of a job.
type Step string

// Steps, in this order; a job ends as Done or Failed.
const (
	Fetching Step = "fetching"
	Checking Step = "checking"
	Writing  Step = "writing"
	Done     Step = "done"
	Failed   Step = "failed"
)

// Job is an order and how far it is.
type Job struct {
	Order
	ID        string
	Step      Step
	Have, All int64  // bytes of the bundle, while Fetching; All is 0 or less if it is not known
	Why       string // slug, if Failed: reach, deny, busy, large, altered, room, inside
	Report    *bundle.Report
	File      string // path of the ZIP, if Done
	Size      int64
	Ended     time.Time
}

// Over reports whether nothing more happens.
func (j Job) Over() bool { return j.Step == Done || j.Step == Failed }

// Name is what the ZIP is to be called.
func (j Job) Name() string {
	return fmt.Sprintf("subrosa-%s-%s.zip", j.Room, span(j.Period))
}

// span names a period whose last day counts.
func span(p compliance.Period) string {
	return p.From.Format(time.DateOnly) + "-bis-" + p.To.Add(-time.Second).Format(time.DateOnly)
}

// Desk carries out one order at a time.
type Desk struct {
	o    Options
	ctx  context.Context
	stop func()
	wg   sync.WaitGroup

	mu   sync.Mutex
	jobs map[string]*Job
	busy bool
}

// New returns a desk. Close it in the end.
func New(o Options) (*Desk, error) {
	if err := os.RemoveAll(o.Dir); err != nil {
		return nil, fmt.Errorf("desk: %w", err)
	}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("desk: %w", err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	d := &Desk{o: o, jobs: map[string]*Job{}}
	d.ctx, d.stop = context.WithCancel(context.Background())
	return d, nil
}

// Close ends what is being written and takes the results away.
func (d *Desk) Close() error {
	d.stop()
	d.wg.Wait()
	return os.RemoveAll(d.o.Dir)
}

// Knows reports whether a unit's evidence can be fetched.
func (d *Desk) Knows(unit string) bool {
	_, ok := d.o.Units[unit]
	return ok
}

// Start begins an order.
func (d *Desk) Start(o Order) (string, error) {
	if !d.Knows(o.Unit) {
		return "", ErrUnknown
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tidy()
	if d.busy || len(d.jobs) >= maxJobs || d.ctx.Err() != nil {
		return "", ErrBusy
	}
	j := &Job{Order: o, ID: rand.Text(), Step: Fetching}
	d.jobs[j.ID], d.busy = j, true
	d.wg.Go(func() { d.run(j) })
	return j.ID, nil
}

// Job returns a job as it is now; only its own account sees it.
func (d *Desk) Job(id string, account int64) (Job, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tidy()
	j, ok := d.jobs[id]
	if !ok || j.Account != account {
		return Job{}, false
	}
	return *j, true
}

// tidy forgets what is over for long. The caller holds mu.
func (d *Desk) tidy() {
	for id, j := range d.jobs {
		if j.Over() && d.o.Now().Sub(j.Ended) > keep {
			if j.File != "" {
				_ = os.Remove(j.File) // Close takes what is left
			}
			delete(d.jobs, id)
		}
	}
}

// change changes a job under the lock.
func (d *Desk) change(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

func (d *Desk) run(j *Job) {
	file, size, err := d.write(j)
	d.change(func() {
		d.busy, j.Ended, j.File, j.Size, j.Step = false, d.o.Now(), file, size, Done
		if err != nil {
			j.Step, j.Why = Failed, why(err)
			d.o.Log.Warn("no export", "unit", j.Unit, "why", j.Why, "err", err)
		}
	})
}

// errAltered and errRoom are why a bundle is no ground for an export.
var (
	errAltered = errors.New("the bundle does not verify")
	errRoom    = errors.New("the journal is of another room")
)

// why is the slug of an error.
func why(err error) string {
	for slug, e := range map[string]error{"reach": handout.ErrReach, "deny": handout.ErrDeny, "busy": handout.ErrBusy, "large": handout.ErrLarge,
		"empty": handout.ErrEmpty, "altered": errAltered, "room": errRoom} {
		if errors.Is(err, e) {
			return slug
		}
	}
	return "inside"
}

// write carries an order out.
func (d *Desk) write(j *Job) (file string, size int64, err error) {
	u := d.o.Units[j.Unit]
	whole, err := d.o.Fetch(d.ctx, u.Address, time.Time{}, time.Time{}, func(have, all int64) {
		d.change(func() { j.Have, j.All = have, all })
	})
	if err != nil {
		return "", 0, err
	}
	period, err := d.o.Fetch(d.ctx, u.Address, j.Period.From, j.Period.To, nil)
	if err != nil && !errors.Is(err, handout.ErrEmpty) { // nothing was recorded: an export that says so
		return "", 0, err
	}
	d.change(func() { j.Step = Checking })
	trust, err := d.trust(j.Unit)
	if err != nil {
		return "", 0, err
	}
	for _, b := range [][]byte{whole, period} {
		if b == nil {
			continue
		}
		r := bundle.Verify(b, trust)
		d.change(func() { j.Report = r })
		if r.Verdict == bundle.Altered || r.Verdict == bundle.Incomplete || r.Unit != j.Unit {
			return "", 0, errAltered
		}
	}
	d.change(func() { j.Step = Writing })
	b, err := d.pack(j, whole, period)
	if err != nil {
		return "", 0, err
	}
	file = filepath.Join(d.o.Dir, j.ID+".zip")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		return "", 0, fmt.Errorf("desk: %w", err)
	}
	return file, int64(len(b)), nil
}

// trust is what the console knows of a unit by itself.
func (d *Desk) trust(unit string) (t bundle.Trust, err error) {
	if pin := d.o.Units[unit].Pin; pin != "" {
		p, err := checkpoint.ParsePin([]byte(pin))
		if err != nil {
			return t, err
		}
		t.Pin = &p
	}
	if d.o.Heads == nil {
		return t, nil
	}
	heads, err := d.o.Heads(d.ctx, unit)
	if err != nil {
		return t, err
	}
	for _, b := range spread(heads, maxAnchors) {
		c, err := checkpoint.Parse(b)
		if err != nil {
			return t, err
		}
		t.Anchors = append(t.Anchors, []byte(c.Short())) // that it was so, the console itself has seen
	}
	return t, nil
}

// maxAnchors is how many remembered heads a bundle is held against; each costs the hashes of the whole tree.
const maxAnchors = 12

// spread returns at most n of list, the first and the last among them.
func spread(list [][]byte, n int) [][]byte {
	if len(list) <= n {
		return list
	}
	var out [][]byte
	for i := range n {
		out = append(out, list[i*(len(list)-1)/(n-1)])
	}
	return out
}
