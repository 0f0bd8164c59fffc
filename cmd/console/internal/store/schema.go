package store

import (
	"database/sql"
	"fmt"
)

// steps are the migrations: step i brings a file from version i to i+1. Never edit one that was released;
// append another.
var steps = []string{
	// 1: accounts, alarms, audit, settings
	`CREATE TABLE user (
	  id        INTEGER PRIMARY KEY AUTOINCREMENT,
	  name      TEXT NOT NULL UNIQUE COLLATE NOCASE,
	  role      TEXT NOT NULL,
	  state     TEXT NOT NULL,              -- active, disabled
	  password  TEXT NOT NULL,              -- argon2id, PHC string
	  secret    BLOB NOT NULL,              -- TOTP
	  step      INTEGER NOT NULL DEFAULT 0, -- last TOTP step accepted
	  created   INTEGER NOT NULL
	) STRICT;
	CREATE TABLE recovery (
	  user      INTEGER NOT NULL REFERENCES user(id) ON DELETE CASCADE,
	  hash      BLOB NOT NULL,              -- SHA-256 of the code
	  PRIMARY KEY (user, hash)
	) STRICT, WITHOUT ROWID;
	CREATE TABLE link (
	  hash      BLOB PRIMARY KEY,           -- SHA-256 of the token
	  role      TEXT NOT NULL,
	  purpose   TEXT NOT NULL,              -- enrol, demo
	  created   INTEGER NOT NULL,
	  expires   INTEGER NOT NULL,
	  used      INTEGER NOT NULL DEFAULT 0
	) STRICT, WITHOUT ROWID;
	CREATE TABLE login (
	  hash      BLOB PRIMARY KEY,           -- SHA-256 of the cookie
	  user      INTEGER REFERENCES user(id) ON DELETE CASCADE, -- NULL: demo
	  role      TEXT NOT NULL,
	  created   INTEGER NOT NULL,
	  seen      INTEGER NOT NULL
	) STRICT, WITHOUT ROWID;
	CREATE TABLE failure (
	  key       TEXT PRIMARY KEY,           -- account:… or address:…, hashed
	  count     INTEGER NOT NULL,
	  last      INTEGER NOT NULL,
	  until     INTEGER NOT NULL
	) STRICT, WITHOUT ROWID;
	CREATE TABLE alarm (
	  id        TEXT PRIMARY KEY,
	  room      TEXT NOT NULL,
	  kind      TEXT NOT NULL,
	  state     TEXT NOT NULL,
	  version   INTEGER NOT NULL,
	  raised    INTEGER NOT NULL,
	  changed   INTEGER NOT NULL,
	  body      BLOB                        -- NULL once the details' time is over
	) STRICT, WITHOUT ROWID;
	CREATE INDEX alarm_room ON alarm (room, raised);
	CREATE TABLE audit (
	  seq       INTEGER PRIMARY KEY AUTOINCREMENT,
	  at        INTEGER NOT NULL,
	  role      TEXT NOT NULL,
	  account   INTEGER NOT NULL,           -- number of the account, 0 where none
	  what      TEXT NOT NULL,
	  target    TEXT NOT NULL,
	  detail    TEXT NOT NULL
	) STRICT;
	CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
	CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END;
	CREATE TABLE setting (
	  key       TEXT PRIMARY KEY,
	  value     TEXT NOT NULL
	) STRICT, WITHOUT ROWID;`,

	// 2: what was asked of a room, so that the timeline survives a restart
	`CREATE TABLE session (
	  room      TEXT NOT NULL,
	  version   INTEGER NOT NULL,
	  at        INTEGER NOT NULL,
	  state     TEXT NOT NULL,
	  flags     TEXT NOT NULL,
	  PRIMARY KEY (room, version)
	) STRICT, WITHOUT ROWID;
	CREATE INDEX session_at ON session (room, at);`,
}

func migrate(db *sql.DB) error {
	var v int
	if err := db.QueryRow(`PRAGMA user_version`).Scan(&v); err != nil {
		return err
	}
	if v > len(steps) {
		return fmt.Errorf("schema version %d is newer than this program knows (%d)", v, len(steps))
	}
	for ; v < len(steps); v++ {
		tx, err := db.Begin()
		if err != nil {
			return err
		}
		if _, err := tx.Exec(steps[v]); err != nil {
			tx.Rollback()
			return fmt.Errorf("schema step %d: %w", v+1, err)
		}
		if _, err := tx.Exec(fmt.Sprintf(`PRAGMA user_version = %d`, v+1)); err != nil {
			tx.Rollback()
			return fmt.Errorf("schema step %d: %w", v+1, err)
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("schema step %d: %w", v+1, err)
		}
	}
	return nil
}
