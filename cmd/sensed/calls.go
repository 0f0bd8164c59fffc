package main

import "subrosa/firmware/seal"

// deviceCalls returns the system calls that open devices need, beyond those of every sealed program.
func deviceCalls(sound, radio string) (calls []seal.Call) {
	if receivers[radio] != nil {
		calls = append(calls, seal.USB()...)
	}
	if sound == "microphone" {
		calls = append(calls, seal.Capture()...)
	}
	return calls
}
