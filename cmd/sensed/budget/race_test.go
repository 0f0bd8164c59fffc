//go:build race

package budget_test

// raced: the race detector watches.
const raced = true
