//go:build !race

package ultrasonic

const race = false
