//go:build race

package ultrasonic

const race = true
