// Package endurance holds no code. Its tests run the real programs of a site on loopback – console, roomd, sensed,
// and mosquitto as an outside broker – and kill them, starve them, and lie to them.
//
//	TestKills     no alarm is lost or doubled, whatever is killed when
//	TestLatency   how long an alarm takes from the last sample to its message; measured, not judged
//	TestSoak      the sensor at full rate for a long time: memory stays flat, nothing is lost
//	TestFaults…   one clear line, a health alarm, everything else goes on
//
// The programs are built once a run, or taken from the folder in SUBROSA_BIN. With SUBROSA_NIGHTLY set, the tests run
// in full length. SUBROSA_SOAK, such as 1h, is how long
// the soak lasts. SUBROSA_SEED chooses other times to kill at; SUBROSA_LOGS is a folder for what the programs say.
package endurance
