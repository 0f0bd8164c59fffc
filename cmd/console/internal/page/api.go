package page

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"subrosa/cmd/console/internal/access"
	"subrosa/cmd/console/internal/fleet"
	"subrosa/firmware/alarm"
	"subrosa/firmware/report"
	"subrosa/firmware/session"
)

// RoomJSON is a room as /api/rooms gives it. Field names are API.
type RoomJSON struct {
	ID      string          `json:"id"`
	Name    string          `json:"name"`
	Session *session.Report `json:"session"` // null: nothing reported yet
	Open    int             `json:"open_alarms"`
	// Conference is what the room's conference says of itself: counts, no names; null: none has said anything.
	Conference *report.Conference `json:"conference"`
	Alarms     []alarm.Alarm      `json:"alarms,omitempty"` // with /api/rooms/{room}: newest first
	Units      []UnitJSON         `json:"units"`
}

// UnitJSON is a unit as /api/rooms gives it.
type UnitJSON struct {
	ID       string           `json:"id"`
	Online   bool             `json:"online"`
	Silent   bool             `json:"silent"`
	Heard    *time.Time       `json:"heard"` // on the console's clock; null: not since it started
	Software string           `json:"software"`
	Sealed   bool             `json:"sealed"`
	Health   *report.Health   `json:"health"`
	Coverage *report.Coverage `json:"coverage"`
	Levels   *report.Levels   `json:"levels,omitempty"`
	Baseline *report.Baseline `json:"baseline"`
}

func (h *Handler) roomJSON(r fleet.Room, whole bool) RoomJSON {
	j := RoomJSON{ID: r.ID, Name: h.roomName(r.ID), Session: r.Session, Conference: r.Meeting, Open: len(r.Open()), Units: []UnitJSON{}}
	if whole {
		j.Alarms = r.Alarms
	}
	for _, u := range r.Units {
		uj := UnitJSON{ID: u.ID, Online: u.Online, Silent: u.Silent, Software: u.Software, Sealed: u.Sealed, Health: u.Health, Coverage: u.Coverage, Baseline: u.Baseline}
		if !u.Heard.IsZero() {
			t := u.Heard.UTC()
			uj.Heard = &t
		}
		if whole {
			uj.Levels = u.Levels
		}
		j.Units = append(j.Units, uj)
	}
	return j
}

func (h *Handler) apiRooms(w http.ResponseWriter, r *http.Request, _ access.Who) {
	out := []RoomJSON{}
	for _, room := range h.fleet.Rooms() {
		out = append(out, h.roomJSON(room, false))
	}
	h.writeJSON(w, out)
}

func (h *Handler) apiRoom(w http.ResponseWriter, r *http.Request, _ access.Who) {
	room, ok := h.fleet.Room(r.PathValue("room"))
	if !ok {
		http.Error(w, "no such room", http.StatusNotFound)
		return
	}
	h.writeJSON(w, h.roomJSON(room, true))
}

func (h *Handler) writeJSON(w http.ResponseWriter, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		h.Log.Error("answer cannot be encoded", "err", err)
		http.Error(w, "answer cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(append(b, '\n'))
}

// Times of an event stream.
const (
	streamBeat  = 20 * time.Second // a comment, so that proxies and browsers see that the stream lives
	streamPause = 500 * time.Millisecond
	streamWrite = 10 * time.Second
)

// getEvents streams which rooms changed (text/event-stream): event "rooms", data a JSON list of ids. The stream
// ends with the login, and when the console ends; browsers come back by themselves.
func (h *Handler) getEvents(w http.ResponseWriter, r *http.Request, _ access.Who) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	default:
		http.Error(w, "too many event streams", http.StatusServiceUnavailable)
		return
	}
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{}) // the request is read; what follows is only its end
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	write := func(s string) bool {
		_ = rc.SetWriteDeadline(time.Now().Add(streamWrite))
		_, err := fmt.Fprint(w, s)
		return err == nil && rc.Flush() == nil
	}
	watch := h.fleet.Watch()
	defer watch.Stop()
	if !write("retry: 3000\nevent: hello\ndata: {}\n\n") {
		return
	}
	beat := time.NewTicker(streamBeat)
	defer beat.Stop()
	for {
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
			if _, err := h.current(r, false); errors.Is(err, access.ErrSignedOut) {
				write("event: signed-out\ndata: {}\n\n")
				return
			}
			if !write(": beat\n\n") {
				return
			}
		case _, ok := <-watch.C:
			if !ok || !write(roomsEvent(watch.Take())) || !pause(r, streamPause) {
				return
			}
		}
	}
}

func roomsEvent(rooms []string) string {
	b, _ := json.Marshal(append([]string{}, rooms...)) // strings always encode
	return "event: rooms\ndata: " + string(b) + "\n\n"
}

// pause lets changes gather. It reports false when the request has ended.
func pause(r *http.Request, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}
