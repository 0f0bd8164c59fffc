package sfu

import (
	"net/http"
	"runtime/pprof"
	"time"
)

// profile answers with a profile of the child, for whoever wants to make it faster: SUBROSA_SFU_PROFILE=1.
func profile(w http.ResponseWriter, _ *http.Request) {
	if pprof.StartCPUProfile(w) == nil {
		pause(5 * time.Second)
		pprof.StopCPUProfile()
	}
}
