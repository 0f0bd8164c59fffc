package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"subrosa/firmware/checkpoint"
	"subrosa/firmware/event"
)

// The console remembers what units have signed: the newest head of each day. A unit's journal that was rewritten later,
// even with the unit's own key, does not continue them.

// maxHeads is how many days are remembered for each unit.
const maxHeads = 400

// published is the data of topic site/checkpoint/{unit}.
type published struct {
	Checkpoint string    `json:"checkpoint"`
	Time       time.Time `json:"time"`
}

// remembered is a head as it lies in the store.
type remembered struct {
	Day  string `json:"day"` // of the console's clock, UTC
	Note string `json:"note"`
}

func checkPublished(p published) error {
	_, err := checkpoint.Parse([]byte(p.Checkpoint))
	return err
}

func headsKey(unit string) string { return "checkpoints/" + unit }

func (f *Fleet) heads(ctx context.Context, unit string) (list []remembered, err error) {
	s, err := f.st.Setting(ctx, headsKey(unit))
	if err != nil || s == "" {
		return nil, err
	}
	if err := json.Unmarshal([]byte(s), &list); err != nil {
		return nil, fmt.Errorf("fleet: checkpoints of %s: %w", unit, err)
	}
	return list, nil
}

// Checkpoints returns the heads of a unit's journal that are remembered, oldest first.
func (f *Fleet) Checkpoints(ctx context.Context, unit string) ([][]byte, error) {
	list, err := f.heads(ctx, unit)
	var out [][]byte
	for _, r := range list {
		out = append(out, []byte(r.Note))
	}
	return out, err
}

// published returns what remembers a unit's head once the lock is gone.
func (f *Fleet) published(now time.Time, unit string, e event.Event) (func(context.Context), error) {
	p, err := checked(e, checkPublished)
	if err != nil {
		return nil, err
	}
	c, err := checkpoint.Parse([]byte(p.Checkpoint))
	if err == nil && c.Origin != unit {
		err = fmt.Errorf("checkpoint of %.60q", c.Origin)
	}
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) {
		if err := f.remember(ctx, now, unit, p.Checkpoint, c); err != nil {
			f.log.Error("checkpoint not remembered", "unit", unit, "err", err)
		}
	}, nil
}

func (f *Fleet) remember(ctx context.Context, now time.Time, unit, note string, c checkpoint.Checkpoint) error {
	f.headsMu.Lock()
	defer f.headsMu.Unlock()
	list, err := f.heads(ctx, unit)
	if err != nil {
		return err
	}
	day := now.UTC().Format(time.DateOnly)
	if n := len(list); n > 0 {
		last, err := checkpoint.Parse([]byte(list[n-1].Note))
		switch {
		case err != nil:
			return err
		case c.N < last.N:
			return fmt.Errorf("it has %d entries, the last had %d: the journal was shortened, or is another; what was seen before is kept", c.N, last.N)
		case c.N == last.N && c.Hash == last.Hash:
			return nil
		case c.N == last.N:
			return errors.New("two of the same size differ; the first is kept")
		case list[n-1].Day == day:
			list = list[:n-1]
		}
	}
	list = append(list, remembered{day, note})
	b, err := json.Marshal(list[max(0, len(list)-maxHeads):])
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	return f.st.SetSetting(ctx, headsKey(unit), string(b))
}
