//go:build race

package endurance_test

// raced: the race detector watches the programs too.
const raced = true
