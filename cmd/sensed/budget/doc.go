// Package budget holds no code. Its tests tell what the sensor's work costs, and hold ceilings that a Raspberry Pi
// needs.
//
//	TestInstructions   arm64 instructions for each sample, counted under qemu-aarch64, against fixed ceilings
//	TestFullLoad       all pipelines of a unit at full rate and in real time: what the garbage collector does to them
//	TestPeerRTL433     the radio pipeline against rtl_433 on one file, processor time (build tag peer)
//
// A time measured on a big machine says little about a small one, and changes with its neighbours; a count of
// instructions is the same everywhere. At 1.5 GHz and one instruction a cycle, which is careful for a Cortex-A72, a
// core has 1.5·10⁹ of them a second.
package budget
