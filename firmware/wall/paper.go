package wall

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"subrosa/firmware/session"
	"subrosa/mdm"
)

// CheckPoint is one thing that somebody has to look at on one device, as a connector lists it.
type CheckPoint struct {
	mdm.Point
	Conn   string       `json:"conn"`
	Signed session.Role `json:"signed,omitempty"` // who has, while the connector has not taken it yet
	Done   bool         `json:"done,omitempty"`
	At     time.Time    `json:"at,omitzero"`
}

var refusedPoint = &Refusal{Text{"Dieser Punkt ist nicht mehr offen. Bitte die Liste noch einmal ansehen.", "This point is no longer open. Please look at the list again."}}

// signing reads and checks the declaration of a point.
func (o Order) signing(r *http.Request, v *View) (Order, error) {
	o.Conn, o.Command = r.PostFormValue("conn"), r.PostFormValue("command")
	done := r.PostFormValue("done")
	o.Refused = done == "no"
	open := slices.ContainsFunc(v.Checklist, func(p CheckPoint) bool { return p.Conn == o.Conn && p.Command == o.Command && p.Signed == "" })
	switch {
	case done != "yes" && done != "no":
		return o, refusedReason
	case !open:
		return o, refusedPoint
	}
	return o, nil
}

// paperLine is a point as the page asks it.
type paperLine struct {
	Conn, Command, Device, Platform string
	Question, Until, State, Yes, No string
}

// asks are what is asked about each restriction.
var asks = map[string]Text{
	"assistant":        {"Assistent", "assistant"},
	"dictation":        {"Diktierfunktion", "dictation"},
	"screen-recording": {"Bildschirmaufnahme", "screen recording"},
	"call-recording":   {"Gesprächsaufnahme", "call recording"},
	"microphone":       {"Mikrofon", "microphone"},
	"camera":           {"Kamera", "camera"},
	"external-ai":      {"fremde KI-Dienste", "external AI"},
}

var platformNames = map[string]string{"ios": "iPhone", "ipados": "iPad", "macos": "Mac", "android": "Android", "windows": "Windows", "linux": "Linux"}

// paper fills in what is to be checked by hand, what is open first.
func (p *chairPage) paper(h *Handler) {
	for _, q := range p.View.Checklist {
		l := paperLine{Conn: q.Conn, Command: q.Command, Device: q.Device, Platform: platformNames[q.Platform], Question: question(q.Point).In(p.Lang),
			Yes: Text{"Ja, nachgesehen", "Yes, I looked"}.In(p.Lang), No: Text{"Nein", "No"}.In(p.Lang)}
		if q.Kind == mdm.PointFree {
			l.Yes = Text{"Ja, freigegeben", "Yes, given back"}.In(p.Lang)
		}
		if !q.Until.IsZero() {
			l.Until = Text{"bis ", "until "}.In(p.Lang) + clockTime(p.Lang, q.Until, p.View.At, h.opt.Location)
		}
		if q.Signed != "" {
			l.State = declared(q).In(p.Lang)
		}
		p.Paper = append(p.Paper, l)
	}
	slices.SortStableFunc(p.Paper, func(a, b paperLine) int { return rank(a.State != "") - rank(b.State != "") })
}

func declared(q CheckPoint) Text {
	by := roleText(q.Signed)
	if q.Done {
		return Text{"erklärt: " + by.DE + " – noch nicht übermittelt", "declared: " + by.EN + " – not delivered yet"}
	}
	return Text{"verneint: " + by.DE + " – noch nicht übermittelt", "denied: " + by.EN + " – not delivered yet"}
}

// question is what the person at the page is asked: "Assistent aus? Diktierfunktion aus?"
func question(p mdm.Point) Text {
	var de, en []string
	for _, name := range p.Off {
		t, ok := asks[name]
		if !ok {
			t = Text{name, name}
		}
		if p.Kind == mdm.PointFree {
			de, en = append(de, t.DE+" wieder freigegeben?"), append(en, upper(t.EN)+" allowed again?")
		} else {
			de, en = append(de, t.DE+" aus?"), append(en, upper(t.EN)+" off?")
		}
	}
	t := Text{strings.Join(de, " "), strings.Join(en, " ")}
	if p.Kind == mdm.PointStand {
		return Text{"Dauerhaft: " + t.DE, "Always: " + t.EN}
	}
	return t
}
