package export

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"subrosa/firmware/checkpoint"
)

// handoverItems are the lines of the sheet's handover: which of them the unit can prove by what it measures or switches, and which
// a person can see to. What is only somebody's word has no box for the unit. docs/vorlagen/sitzungsblatt.md has the same table.
var handoverItems = []struct {
	what       string
	unit, hand bool
}{
	{"Übertragung und Aufzeichnung aus", true, true},
	{"Saalmikrofone, Höranlage, Lautsprecher draußen aus", true, true},
	{"Zuhörende draußen, unter den Sitzen nachgesehen", false, true},
	{"Schließfächer: Geräte ____ / Anwesende ____", false, true},
	{"Fenster zu", true, true},
	{"Türen zu", true, true},
	{"Prüfung von Schall und Funk", true, false},
	{"Zugeschaltete: „keine Dritten im Raum“", false, true},
}

// mark is a box to tick, or a dash where there is nothing to tick.
func mark(box bool) string {
	if box {
		return "☐"
	}
	return "–"
}

// SessionSheet is a sheet for the minutes of one session: the journal's head as a QR code, which is an anchor once the sheet is
// in somebody's hands, and lines for what people have seen to. It names nobody.
func SessionSheet(about About, head checkpoint.Checkpoint, printed time.Time) ([]byte, error) {
	name := about.Name
	if name == "" {
		name = about.Room
	}
	p := newPaper("Sitzungsblatt: "+name, name+" · gedruckt "+printed.Format("02.01.2006, 15:04 Uhr")+" · keine Namen auf diesem Blatt", printed)
	p.font("B", 17)
	p.CellFormat(width, 9, "Sitzungsblatt", "", 1, "L", false, 0, "")
	p.font("", 12)
	p.CellFormat(width, 6, strings.TrimPrefix(about.Organisation+" · "+name, " · "), "", 1, "L", false, 0, "")
	p.Ln(2)
	if err := p.anchor(head, about.Fingerprint); err != nil {
		return nil, err
	}
	p.line("Gremium, nichtöffentliche Tagesordnungspunkte:", 82)
	p.heading("Übergabe")
	rows := [][]cell{}
	for _, i := range handoverItems {
		rows = append(rows, []cell{{i.what, false}, {mark(i.unit), false}, {mark(i.hand), false}, {"", false}})
	}
	p.table([]column{{"Punkt", 84}, {"von der Einheit nachgewiesen", 34}, {"von Hand geprüft (Rolle)", 34}, {"Uhrzeit", width - 152}}, rows)
	for _, l := range []string{"Nichtöffentlich von – bis:", "Unterbrochen von – bis, Grund:", "Ausnahme der Sitzungsleitung, Grund aus der Liste:", "Befunde, davon ohne Antwort:",
		"Alles wieder eingeschaltet, Raum abgeschlossen um:"} {
		p.line(l, 82)
	}
	p.Ln(4)
	p.line("Sitzungsleitung (Unterschrift):", 82)
	p.line("Schriftführung (Unterschrift):", 82)
	return p.bytes()
}

// anchor draws a head with its QR code, and says what it is good for.
func (p paper) anchor(head checkpoint.Checkpoint, fingerprint string) error {
	const side = 40.0
	p.room(side + 6)
	x, y := margin, p.GetY()+1
	if err := p.code(head.Paper(), x, y, side); err != nil {
		return err
	}
	short := head.Paper()
	cut := strings.LastIndexByte(short, ':') + 1
	root, check, _ := strings.Cut(short[cut:], "#")
	write := func(style string, size float64, text string) {
		p.font(style, size)
		for _, l := range p.SplitText(text, width-side-4) {
			p.SetX(x + side + 4)
			p.CellFormat(width-side-4, size*0.5, l, "", 1, "L", false, 0, "")
		}
	}
	p.SetY(y + 3)
	write("B", 9.5, fmt.Sprintf("Stand des Protokolls: %s, %d Einträge", head.Origin, head.N))
	write("", 9.5, short[:cut])
	write("", 9.5, groups(root)+" #"+check)
	if fingerprint != "" {
		write("", 7.5, "Schlüssel "+fingerprint)
	}
	write("", 7.5, "Wer dieses Blatt aufbewahrt, kann später belegen, dass bis hierher nichts umgeschrieben wurde: subrosa verify NACHWEIS.zip --key PIN --checkpoint TEXT. Am Ende der Sitzung ein zweites drucken.")
	p.SetY(y + side + 2)
	return nil
}

// Zone is a part of the room in which somebody looks under the seats.
type Zone struct {
	Name, URL string
}

// ErrNoZones is returned by ZoneSheet.
var ErrNoZones = errors.New("export: the room has no zones (handover.zones in unit.json)")

// ZoneSheet are cards to cut out and put up, one for each zone, with the QR code of its page. The page opens for the paired
// device of chair or clerk alone; to others the code is of no use.
func ZoneSheet(room string, zones []Zone, printed time.Time) ([]byte, error) {
	if len(zones) == 0 {
		return nil, ErrNoZones
	}
	p := newPaper("Blick unter die Sitze: "+room, room+" · gedruckt "+printed.Format("02.01.2006")+" · ausschneiden und im Bereich anbringen", printed)
	const cardW, cardH, gap, perPage = (width - 6) / 2, 80.0, 6.0, 6
	for i, z := range zones {
		if i > 0 && i%perPage == 0 {
			p.AddPage()
		}
		x := margin + float64(i%2)*(cardW+gap)
		y := margin + float64(i%perPage/2)*(cardH+gap)
		p.SetDrawColor(120, 120, 120)
		p.SetDashPattern([]float64{1.5, 1.5}, 0)
		p.Rect(x, y, cardW, cardH, "D")
		p.SetDashPattern(nil, 0)
		if err := p.code(z.URL, x+(cardW-50)/2, y+1, 50); err != nil {
			return nil, err
		}
		p.SetXY(x+3, y+50)
		p.font("B", 13)
		for _, l := range p.SplitText(z.Name, cardW-6) {
			p.SetX(x + 3)
			p.CellFormat(cardW-6, 6, l, "", 1, "C", false, 0, "")
		}
		p.font("", 9)
		for _, l := range p.SplitText("Vor dem nichtöffentlichen Teil unter Sitze und Tische sehen, dann hier bestätigen.", cardW-6) {
			p.SetX(x + 3)
			p.CellFormat(cardW-6, 4.2, l, "", 1, "C", false, 0, "")
		}
		p.SetXY(x+3, y+cardH-5)
		p.font("", 6.5)
		p.CellFormat(cardW-6, 3, z.URL, "", 0, "C", false, 0, "")
	}
	return p.bytes()
}
