// Package journal is the room's append-only record: every entry is on disk, and chained to the one before,
// when Append returns.
package journal

import (
	"encoding/json"
	"time"
)

// Entry is one line of the record. It never holds a name, an address or free text.
type Entry struct {
	Kind     string          `json:"kind"`               // alarm.raised, alarm.changed, session.changed, unit.started, …
	Time     time.Time       `json:"time"`               // wall time
	Quality  string          `json:"quality"`            // of Time: synced, unsynced, scenario
	Requires []string        `json:"requires,omitempty"` // parts of requirements served, such as INF.10.A8
	Coverage string          `json:"coverage,omitempty"` // what was seen and not seen
	Policy   string          `json:"policy,omitempty"`   // hash of the policy in force
	Software string          `json:"software,omitempty"` // hash or version of the software
	Unsealed bool            `json:"unsealed,omitempty"` // the sensor was not sealed by the kernel
	Payload  json.RawMessage `json:"payload,omitempty"`
}

// Receipt proves that an entry was recorded.
type Receipt struct {
	Seq  uint64 `json:"seq"`  // from 1
	Hash string `json:"hash"` // hex SHA-256 of the chain up to and including this entry
}
