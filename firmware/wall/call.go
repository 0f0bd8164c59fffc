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
	// Code is "chair" or "room", whose device computed it, and the 30 digits of this epoch; "differ" where two devices have
	// computed different ones; "" until one has come.
	Code string `json:"code,omitempty"`
	// Bundle is the checksum of the program that the conference hands to browsers, in hexadecimal digits.
	Bundle string `json:"bundle,omitempty"`
	// Asked is how many take part from elsewhere, Alone how many of them have declared that nobody else is in their room, and
	// NotAlone how many that somebody is.
	Asked    int `json:"asked,omitempty"`
	Alone    int `json:"alone,omitempty"`
	NotAlone int `json:"not_alone,omitempty"`
}

// levels for people.
var callLevels = map[string]Text{
	"public": {"öffentlich", "public"}, "internal": {"intern", "internal"}, "nonpublic": {"nichtöffentlich", "closed to the public"}, "confidential": {"vertraulich", "confidential"},
}

// LevelText is the level for people: that of the strictest one if it is not known.
func (c *Call) LevelText() Text {
	if l, ok := callLevels[c.Level]; ok {
		return l
	}
	return callLevels["confidential"]
}

// Lines say how the conference stands.
func (c *Call) Lines() (out []Text) {
	if c == nil {
		return nil
	}
	l := c.LevelText()
	switch c.State {
	case "running":
		out = append(out, Text{fmt.Sprintf("Konferenz läuft (%s), Plätze belegt: %d", l.DE, c.Seats), fmt.Sprintf("Conference is on (%s), seats taken: %d", l.EN, c.Seats)})
	case "waiting":
		out = append(out, Text{fmt.Sprintf("Konferenz wartet auf die Sitzungsleitung, Plätze belegt: %d", c.Seats), fmt.Sprintf("Conference waits for the chair, seats taken: %d", c.Seats)})
	case "pending":
		out = append(out, Text{"Die Konferenz läuft noch öffentlich: Die Sitzungsleitung hebt sie an oder beendet sie.", "The conference is still public: the chair raises it or ends it."})
	}
	return out
}

// Declared says how many of those elsewhere are alone by their own word; the zero Text if nobody is asked. It is for the chair.
func (c *Call) Declared() Text {
	if c == nil || c.Asked == 0 {
		return Text{}
	}
	t := Text{fmt.Sprintf("Keine Dritten im Raum: %d von %d in der Konferenz haben es erklärt", c.Alone, c.Asked),
		fmt.Sprintf("No third party in the room: %d of %d in the conference have declared it", c.Alone, c.Asked)}
	if c.NotAlone > 0 {
		t.DE += fmt.Sprintf("; %d: nicht allein", c.NotAlone)
		t.EN += fmt.Sprintf("; %d: not alone", c.NotAlone)
	}
	return t
}

// RoomCode is the room code as people compare it: six fives, and whose word it is.
type RoomCode struct {
	Fives  []string // none: there is none to compare
	By     Text
	Differ bool
}

// Key returns the room code; nil if there is no call that has one.
func (c *Call) Key() *RoomCode {
	if c == nil || c.State != "running" && c.State != "pending" {
		return nil
	}
	by, code, _ := strings.Cut(c.Code, " ")
	switch {
	case c.Code == "differ":
		return &RoomCode{Differ: true, By: Text{"Die Geräte zeigen verschiedene Raumschlüssel. Bitte nicht weitersprechen und die Geschäftsstelle rufen.",
			"Devices show different room codes. Please stop talking and call the clerk."}}
	case len(code) != 30:
		return &RoomCode{By: Text{"für diesen Stand noch nicht gemeldet", "not reported for this state yet"}}
	}
	k := &RoomCode{By: Text{"von der Sitzungsleitung gemeldet", "as the chair's device says"}}
	if by == "room" {
		k.By = Text{"vom Saal selbst berechnet", "computed by the hall itself"}
	}
	for ; len(code) > 0; code = code[5:] {
		k.Fives = append(k.Fives, code[:5])
	}
	return k
}

// Program returns the checksum of the conference's program in fours, and its beginning, as the conference's page shows it;
// "" if it is not known.
func (c *Call) Program() (short, full string) {
	if c == nil || len(c.Bundle) != 64 {
		return "", ""
	}
	var fours []string
	for b := c.Bundle; len(b) > 0; b = b[4:] {
		fours = append(fours, b[:4])
	}
	return fours[0] + " " + fours[1] + " …", strings.Join(fours, " ")
}
