//go:build race

package endurance_test

// raced: the race detector watches the programs too, and a race ends one with a report in its log.
const raced = true
