package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// User is an account of the console. Names are functions ("leitstelle-1"), chosen by the administrator.
type User struct {
	ID       int64
	Name     string
	Role     string
	Active   bool
	Password string // argon2id, PHC string
	Secret   []byte // TOTP
	Step     int64  // last TOTP step accepted
	Created  time.Time
}

// Link is a one-time link. Only the SHA-256 of its token is kept.
type Link struct {
	Role    string
	Purpose string // "enrol" or "demo"
	Created time.Time
	Expires time.Time
	Used    time.Time // zero: not yet
}

// Login is a signed-in browser. Only the SHA-256 of its cookie is kept.
type Login struct {
	User    int64 // 0: demo
	Role    string
	Created time.Time
	Seen    time.Time
}

// Failure counts failed sign-ins for one account or address.
type Failure struct {
	Count int
	Last  time.Time
	Until time.Time // locked until
}

const userColumns = `id, name, role, state = 'active', password, secret, step, created`

func scanUser(row interface{ Scan(...any) error }) (u User, err error) {
	var created int64
	err = row.Scan(&u.ID, &u.Name, &u.Role, &u.Active, &u.Password, &u.Secret, &u.Step, &created)
	u.Created = at(created)
	return u, err
}

// UserByName returns the account called name, in any case; ErrNone if there is none.
func (s *Store) UserByName(ctx context.Context, name string) (User, error) {
	u, err := scanUser(s.r.QueryRowContext(ctx, `SELECT `+userColumns+` FROM user WHERE name = ?`, name))
	return u, none(err, "account")
}

// UserByID returns account id; ErrNone if there is none.
func (s *Store) UserByID(ctx context.Context, id int64) (User, error) {
	u, err := scanUser(s.r.QueryRowContext(ctx, `SELECT `+userColumns+` FROM user WHERE id = ?`, id))
	return u, none(err, "account")
}

// Users returns every account in order of creation.
func (s *Store) Users(ctx context.Context) ([]User, error) {
	rows, err := s.r.QueryContext(ctx, `SELECT `+userColumns+` FROM user ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	defer rows.Close()
	var us []User
	for rows.Next() {
		u, err := scanUser(rows)
		if err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
		us = append(us, u)
	}
	return us, rows.Err()
}

// SetActive enables or disables account id; disabling ends its logins. The last active account of role
// keep is not disabled.
func (s *Store) SetActive(ctx context.Context, id int64, active bool, keep string) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		state := "disabled"
		if active {
			state = "active"
		}
		if !active {
			var others int
			err := tx.QueryRow(`SELECT count(*) FROM user WHERE role = ? AND state = 'active' AND id <> ?`, keep, id).Scan(&others)
			if err != nil {
				return fmt.Errorf("store: %w", err)
			}
			if others == 0 {
				return fmt.Errorf("store: account %d is the last active %s", id, keep)
			}
		}
		res, err := tx.Exec(`UPDATE user SET state = ? WHERE id = ?`, state, id)
		if err != nil {
			return fmt.Errorf("store: %w", err)
		}
		if n, _ := res.RowsAffected(); n == 0 {
			return fmt.Errorf("%w: account %d", ErrNone, id)
		}
		if !active {
			_, err = tx.Exec(`DELETE FROM login WHERE user = ?`, id)
		}
		return err
	})
}

// PutLink keeps a link under the hash of its token. With only > 0, every older unused link of the same
// purpose and role is dropped first, so that a fresh link invalidates the one before.
func (s *Store) PutLink(ctx context.Context, hash []byte, l Link, replace bool) error {
	return s.tx(ctx, func(tx *sql.Tx) error {
		if replace {
			if _, err := tx.Exec(`DELETE FROM link WHERE purpose = ? AND role = ? AND used = 0`, l.Purpose, l.Role); err != nil {
				return fmt.Errorf("store: %w", err)
			}
		}
		_, err := tx.Exec(`INSERT INTO link (hash, role, purpose, created, expires) VALUES (?,?,?,?,?)`,
			hash, l.Role, l.Purpose, ms(l.Created), ms(l.Expires))
		if err != nil {
			return fmt.Errorf("store: link: %w", err)
		}
		return nil
	})
}

// Link returns the link kept under hash; ErrNone if there is none.
func (s *Store) Link(ctx context.Context, hash []byte) (Link, error) { return link(s.r, ctx, hash) }

type querier interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}

func link(q querier, ctx context.Context, hash []byte) (l Link, err error) {
	var c, e, u int64
	err = q.QueryRowContext(ctx, `SELECT role, purpose, created, expires, used FROM link WHERE hash = ?`, hash).
		Scan(&l.Role, &l.Purpose, &c, &e, &u)
	l.Created, l.Expires, l.Used = at(c), at(e), at(u)
	return l, none(err, "link")
}

// UseLink marks the link as used at now, if check accepts it, and inserts the account that it enrols (nil:
// none) with the hashes of its recovery codes, all or nothing. It returns the link and the account's id.
func (s *Store) UseLink(ctx context.Context, hash []byte, now time.Time, check func(Link) error, u *User, recovery [][]byte) (l Link, id int64, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		if l, err = link(tx, ctx, hash); err != nil {
			return err
		}
		if err := check(l); err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE link SET used = ? WHERE hash = ?`, ms(now), hash); err != nil {
			return fmt.Errorf("store: %w", err)
		}
		if u == nil {
			return nil
		}
		res, err := tx.Exec(`INSERT INTO user (name, role, state, password, secret, step, created) VALUES (?,?,'active',?,?,?,?)`,
			u.Name, l.Role, u.Password, u.Secret, u.Step, ms(now))
		if err != nil {
			return fmt.Errorf("store: account: %w", err)
		}
		if id, err = res.LastInsertId(); err != nil {
			return fmt.Errorf("store: %w", err)
		}
		for _, h := range recovery {
			if _, err := tx.Exec(`INSERT INTO recovery (user, hash) VALUES (?,?)`, id, h); err != nil {
				return fmt.Errorf("store: %w", err)
			}
		}
		return nil
	})
	return l, id, err
}

// TakeStep accepts TOTP step for account id, unless the same or a later one was accepted before.
func (s *Store) TakeStep(ctx context.Context, id, step int64) (fresh bool, err error) {
	res, err := s.w.ExecContext(ctx, `UPDATE user SET step = ? WHERE id = ? AND step < ?`, step, id, step)
	if err != nil {
		return false, fmt.Errorf("store: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// TakeRecovery uses up a recovery code, given its hash.
func (s *Store) TakeRecovery(ctx context.Context, id int64, hash []byte) (ok bool, err error) {
	res, err := s.w.ExecContext(ctx, `DELETE FROM recovery WHERE user = ? AND hash = ?`, id, hash)
	if err != nil {
		return false, fmt.Errorf("store: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// RecoveryLeft counts the unused recovery codes of account id.
func (s *Store) RecoveryLeft(ctx context.Context, id int64) (n int, err error) {
	err = s.r.QueryRowContext(ctx, `SELECT count(*) FROM recovery WHERE user = ?`, id).Scan(&n)
	return n, none(err, "recovery")
}

// PutLogin keeps a login under the hash of its cookie.
func (s *Store) PutLogin(ctx context.Context, hash []byte, l Login) error {
	var user any
	if l.User != 0 {
		user = l.User
	}
	_, err := s.w.ExecContext(ctx, `INSERT INTO login (hash, user, role, created, seen) VALUES (?,?,?,?,?)`,
		hash, user, l.Role, ms(l.Created), ms(l.Seen))
	return none(err, "login")
}

// Login returns the login kept under hash; ErrNone if there is none.
func (s *Store) Login(ctx context.Context, hash []byte) (l Login, err error) {
	var user sql.NullInt64
	var c, seen int64
	err = s.r.QueryRowContext(ctx, `SELECT user, role, created, seen FROM login WHERE hash = ?`, hash).Scan(&user, &l.Role, &c, &seen)
	l.User, l.Created, l.Seen = user.Int64, at(c), at(seen)
	return l, none(err, "login")
}

// TouchLogin notes that the login was used at now.
func (s *Store) TouchLogin(ctx context.Context, hash []byte, now time.Time) error {
	_, err := s.w.ExecContext(ctx, `UPDATE login SET seen = ? WHERE hash = ?`, ms(now), hash)
	return none(err, "login")
}

// DropLogin ends the login.
func (s *Store) DropLogin(ctx context.Context, hash []byte) error {
	_, err := s.w.ExecContext(ctx, `DELETE FROM login WHERE hash = ?`, hash)
	return none(err, "login")
}

// Failure returns the failures counted under key; the zero value if none.
func (s *Store) Failure(ctx context.Context, key string) (f Failure, err error) {
	var last, until int64
	err = s.w.QueryRowContext(ctx, `SELECT count, last, until FROM failure WHERE key = ?`, key).Scan(&f.Count, &last, &until)
	if errors.Is(err, sql.ErrNoRows) {
		return Failure{}, nil
	}
	f.Last, f.Until = at(last), at(until)
	return f, none(err, "failure")
}

// CountFailure replaces the failures under key by next(old), in one transaction.
func (s *Store) CountFailure(ctx context.Context, key string, next func(Failure) Failure) (f Failure, err error) {
	err = s.tx(ctx, func(tx *sql.Tx) error {
		var last, until int64
		err := tx.QueryRow(`SELECT count, last, until FROM failure WHERE key = ?`, key).Scan(&f.Count, &last, &until)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return fmt.Errorf("store: %w", err)
		}
		f.Last, f.Until = at(last), at(until)
		f = next(f)
		_, err = tx.Exec(`INSERT INTO failure (key, count, last, until) VALUES (?,?,?,?)
			ON CONFLICT (key) DO UPDATE SET count = excluded.count, last = excluded.last, until = excluded.until`,
			key, f.Count, ms(f.Last), ms(f.Until))
		return err
	})
	return f, err
}

// ClearFailures forgets the failures under key.
func (s *Store) ClearFailures(ctx context.Context, key string) error {
	_, err := s.w.ExecContext(ctx, `DELETE FROM failure WHERE key = ?`, key)
	return none(err, "failure")
}
