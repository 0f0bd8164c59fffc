package wall

import (
	"fmt"
	"strings"
)

// Call is the room's conference as it says of itself: counts, no names.
type Call struct {
	State string `json:"state"` // idle, waiting, running, pending
	Level string `json:"level"` // of the policy's slugs
	Seats int    `json:"seats"`
	Code  string `json:"code,omitempty"` // "chair 30 digits" or "room 30 digits": whose device computed it
}

// levels for people.
var callLevels = map[string]Text{
	"public": {"öffentlich", "public"}, "internal": {"intern", "internal"}, "nonpublic": {"nichtöffentlich", "closed to the public"}, "confidential": {"vertraulich", "confidential"},
}

// Lines say how the conference stands.
func (c *Call) Lines() (out []Text) {
	if c == nil {
		return nil
	}
	l, ok := callLevels[c.Level]
	if !ok {
		l = callLevels["confidential"]
	}
	switch c.State {
	case "running":
		out = append(out, Text{fmt.Sprintf("Konferenz läuft (%s), Plätze belegt: %d", l.DE, c.Seats), fmt.Sprintf("Conference is on (%s), seats taken: %d", l.EN, c.Seats)})
	case "waiting":
		out = append(out, Text{fmt.Sprintf("Konferenz wartet auf die Sitzungsleitung, Plätze belegt: %d", c.Seats), fmt.Sprintf("Conference waits for the chair, seats taken: %d", c.Seats)})
	case "pending":
		out = append(out, Text{"Die Konferenz läuft noch öffentlich: Die Sitzungsleitung hebt sie an oder beendet sie.", "The conference is still public: the chair raises it or ends it."})
	}
	by, code, ok := strings.Cut(c.Code, " ")
	if ok && len(code) == 30 && c.State == "running" {
		var groups []string
		for i := 0; i < 30; i += 5 {
			groups = append(groups, code[i:i+5])
		}
		who := Text{"laut Gerät der Sitzungsleitung", "by the chair's device"}
		if by == "room" {
			who = Text{"vom Saal selbst berechnet", "computed by the hall itself"}
		}
		digits := strings.Join(groups, " ")
		out = append(out, Text{"Raumschlüssel " + digits + " (" + who.DE + ")", "Room code " + digits + " (" + who.EN + ")"})
	}
	return out
}
