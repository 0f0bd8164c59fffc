package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"subrosa/firmware/alarm"
)

// PutAlarm keeps a, unless the same or a higher version of it is kept already: every alarm is here exactly
// once by its id. It reports whether anything changed.
func (s *Store) PutAlarm(ctx context.Context, a alarm.Alarm) (changed bool, err error) {
	body, err := json.Marshal(a)
	if err != nil {
		return false, fmt.Errorf("store: alarm %s: %w", a.Finding.ID, err)
	}
	res, err := s.w.ExecContext(ctx, `INSERT INTO alarm (id, room, kind, state, version, raised, changed, body) VALUES (?,?,?,?,?,?,?,?)
		ON CONFLICT (id) DO UPDATE SET room = excluded.room, kind = excluded.kind, state = excluded.state, version = excluded.version,
		  raised = excluded.raised, changed = excluded.changed, body = excluded.body WHERE excluded.version > alarm.version`,
		a.Finding.ID, a.Room, a.Finding.Kind.String(), string(a.State), int64(a.Version), ms(a.Raised), ms(a.Changed), body)
	if err != nil {
		return false, fmt.Errorf("store: alarm %s: %w", a.Finding.ID, err)
	}
	n, err := res.RowsAffected()
	return n > 0, err
}

// Alarms returns at most limit alarms of room ("" = every room) whose details are still kept, newest first.
func (s *Store) Alarms(ctx context.Context, room string, limit int) ([]alarm.Alarm, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT body FROM alarm WHERE body IS NOT NULL AND (? = '' OR room = ?) ORDER BY raised DESC, id DESC LIMIT ?`,
		room, room, limit)
	if err != nil {
		return nil, fmt.Errorf("store: alarms: %w", err)
	}
	defer rows.Close()
	var as []alarm.Alarm
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return nil, fmt.Errorf("store: alarms: %w", err)
		}
		var a alarm.Alarm
		if err := json.Unmarshal(body, &a); err != nil {
			return nil, fmt.Errorf("store: alarms: %w", err)
		}
		as = append(as, a)
	}
	return as, rows.Err()
}

// AlarmVersions returns the version kept of every alarm, by id.
func (s *Store) AlarmVersions(ctx context.Context) (map[string]uint64, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT id, version FROM alarm`)
	if err != nil {
		return nil, fmt.Errorf("store: alarms: %w", err)
	}
	defer rows.Close()
	vs := map[string]uint64{}
	for rows.Next() {
		var id string
		var v int64
		if err := rows.Scan(&id, &v); err != nil {
			return nil, fmt.Errorf("store: alarms: %w", err)
		}
		vs[id] = uint64(v)
	}
	return vs, rows.Err()
}

// Audit is one line of the trail: which role did what to what. It never holds a person's name.
type Audit struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Role    string    `json:"role"`              // "" where nobody was signed in; "unit", "console" for machines
	Account int64     `json:"account,omitempty"` // number of the account, 0 where none
	What    string    `json:"what"`              // slug such as "login.failed"
	Target  string    `json:"target,omitempty"`  // room, unit, alarm or account number
	Detail  string    `json:"detail,omitempty"`  // slug out of a pick-list, never free text of a person
}

// Append adds a to the trail. The table refuses changes and deletions.
func (s *Store) Append(ctx context.Context, a Audit) error {
	_, err := s.w.ExecContext(ctx, `INSERT INTO audit (at, role, account, what, target, detail) VALUES (?,?,?,?,?,?)`,
		ms(a.At), a.Role, a.Account, a.What, a.Target, a.Detail)
	return none(err, "audit")
}

// Trail returns at most limit lines before sequence number before (0 = the newest), newest first.
func (s *Store) Trail(ctx context.Context, before int64, limit int) ([]Audit, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT seq, at, role, account, what, target, detail FROM audit WHERE ? = 0 OR seq < ? ORDER BY seq DESC LIMIT ?`,
		before, before, limit)
	if err != nil {
		return nil, fmt.Errorf("store: audit: %w", err)
	}
	defer rows.Close()
	var as []Audit
	for rows.Next() {
		var a Audit
		var t int64
		if err := rows.Scan(&a.Seq, &t, &a.Role, &a.Account, &a.What, &a.Target, &a.Detail); err != nil {
			return nil, fmt.Errorf("store: audit: %w", err)
		}
		a.At = at(t)
		as = append(as, a)
	}
	return as, rows.Err()
}

// Step is one reported state of a room's session.
type Step struct {
	Version uint64    `json:"version"`
	At      time.Time `json:"at"`
	State   string    `json:"state"`
	Flags   []string  `json:"flags,omitempty"`
}

// PutStep keeps a session step of room once per version.
func (s *Store) PutStep(ctx context.Context, room string, st Step) error {
	_, err := s.w.ExecContext(ctx, `INSERT INTO session (room, version, at, state, flags) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING`,
		room, int64(st.Version), ms(st.At), st.State, strings.Join(st.Flags, ","))
	return none(err, "session")
}

// Steps returns the last limit steps of room, oldest first.
func (s *Store) Steps(ctx context.Context, room string, limit int) ([]Step, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT version, at, state, flags FROM
		(SELECT * FROM session WHERE room = ? ORDER BY at DESC, version DESC LIMIT ?) ORDER BY at, version`, room, limit)
	if err != nil {
		return nil, fmt.Errorf("store: session: %w", err)
	}
	defer rows.Close()
	var out []Step
	for rows.Next() {
		var v, t int64
		var st Step
		var flags string
		if err := rows.Scan(&v, &t, &st.State, &flags); err != nil {
			return nil, fmt.Errorf("store: session: %w", err)
		}
		st.Version, st.At = uint64(v), at(t)
		if flags != "" {
			st.Flags = strings.Split(flags, ",")
		}
		out = append(out, st)
	}
	return out, rows.Err()
}

// Setting returns the value of key; "" if it was never set.
func (s *Store) Setting(ctx context.Context, key string) (v string, err error) {
	err = s.r.QueryRowContext(ctx, `SELECT value FROM setting WHERE key = ?`, key).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return v, none(err, "setting "+key)
}

// SetSetting sets key to v.
func (s *Store) SetSetting(ctx context.Context, key, v string) error {
	_, err := s.w.ExecContext(ctx, `INSERT INTO setting (key, value) VALUES (?,?) ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, v)
	return none(err, "setting "+key)
}

// Retain deletes the details of alarms that changed before details (id, kind, room and times stay, so that
// an alarm is never counted twice and yearly figures remain), session steps before steps, and logins, links
// and failures that ended before now. It returns how many alarms lost their details.
func (s *Store) Retain(ctx context.Context, now, details, steps time.Time) (n int64, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		res, err := tx.Exec(`UPDATE alarm SET body = NULL WHERE body IS NOT NULL AND changed < ?`, ms(details))
		if err != nil {
			return fmt.Errorf("store: retention: %w", err)
		}
		n, _ = res.RowsAffected()
		for _, q := range []struct {
			sql    string
			before time.Time
		}{
			{`DELETE FROM session WHERE at < ?`, steps},
			{`DELETE FROM link WHERE expires < ?`, now.Add(-24 * time.Hour)},
			{`DELETE FROM login WHERE created < ?`, now.Add(-24 * time.Hour)},
			{`DELETE FROM failure WHERE last < ?`, now.Add(-24 * time.Hour)},
		} {
			if _, err := tx.Exec(q.sql, ms(q.before)); err != nil {
				return fmt.Errorf("store: retention: %w", err)
			}
		}
		return nil
	})
	return n, err
}
