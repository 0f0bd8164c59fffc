//go:build !race

package endurance_test

const raced = false
