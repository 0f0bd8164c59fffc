package fleet

import (
	"maps"
	"slices"
	"sync"
)

// fan tells watchers which rooms changed. A slow watcher gets the same set later, never a longer queue.
type fan struct {
	mu    sync.Mutex
	all   map[*Watch]bool
	ended bool
}

// Watch collects the rooms that changed since Take was called last.
type Watch struct {
	C <-chan struct{} // something changed; closed when the fleet ends

	c     chan struct{}
	fan   *fan
	rooms map[string]bool
}

// Watch returns a new watch. Stop it.
func (f *Fleet) Watch() *Watch {
	w := &Watch{c: make(chan struct{}, 1), fan: &f.fan, rooms: map[string]bool{}}
	w.C = w.c
	f.fan.mu.Lock()
	defer f.fan.mu.Unlock()
	if f.fan.ended {
		close(w.c)
		return w
	}
	if f.fan.all == nil {
		f.fan.all = map[*Watch]bool{}
	}
	f.fan.all[w] = true
	return w
}

// Take returns the rooms that changed, in order.
func (w *Watch) Take() []string {
	w.fan.mu.Lock()
	defer w.fan.mu.Unlock()
	rooms := slices.Sorted(maps.Keys(w.rooms))
	clear(w.rooms)
	return rooms
}

// Stop ends the watch.
func (w *Watch) Stop() {
	w.fan.mu.Lock()
	defer w.fan.mu.Unlock()
	delete(w.fan.all, w)
}

func (f *fan) tell(rooms ...string) {
	if len(rooms) == 0 {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for w := range f.all {
		for _, r := range rooms {
			w.rooms[r] = true
		}
		select {
		case w.c <- struct{}{}:
		default:
		}
	}
}

// Close ends every watch, so that open streams to browsers end.
func (f *Fleet) Close() {
	f.fan.mu.Lock()
	defer f.fan.mu.Unlock()
	if f.fan.ended {
		return
	}
	f.fan.ended = true
	for w := range f.fan.all {
		close(w.c)
	}
	clear(f.fan.all)
}
