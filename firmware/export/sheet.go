package export

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"

	"subrosa/firmware/compliance"
)

// columns of the check. The officer's begin with decisionColumn.
var columns = []struct {
	title string
	width float64 // in characters
}{
	{"Zielobjekt", 16}, {"Quelle", 18}, {"Anforderung", 15}, {"Titel", 34}, {"Typ", 8}, {"Teilanforderung", 17}, {"Inhalt (eigene Worte)", 38},
	{"Messbar", 18}, {"Vorschlag", 15}, {"Abdeckung", 38}, {"Was gemessen wurde", 42}, {"Bleibt organisatorisch", 42}, {"Einträge", 18},
	{"Status (Entscheidung)", 18}, {"Begründung, Abweichung", 38}, {"Verantwortlich (Rolle)", 22}, {"Umsetzung bis", 14}, {"Geprüft am", 14},
	{"Geprüft durch (Rolle)", 22}, {"Nachweis, Verweis", 22}, {"WiBA-Prüffrage", 16},
}

const decisionColumn = 13 // index of the first column that is the officer's

// rows returns the check: one row for each part.
func (e *export) rows() (rows [][]string) {
	for _, r := range e.Results {
		for _, p := range r.Parts {
			row := make([]string, len(columns))
			copy(row, []string{e.about.Name, r.Source.Text("de"), r.ID, r.Title, r.Level, p.ID, p.Text.DE, p.Measure.Text("de"), p.Status.Text("de"),
				coverage(p), p.Measured.DE, p.Rest.DE, evidence(p.Entries)})
			rows = append(rows, row)
		}
	}
	return rows
}

// csv returns the check with semicolons and a byte order mark, as German spreadsheets want it.
func (e *export) csv() ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("\ufeff")
	w := csv.NewWriter(&b)
	w.Comma, w.UseCRLF = ';', true
	head := make([]string, len(columns))
	for i, c := range columns {
		head[i] = c.title
	}
	_ = w.Write(head) // a Buffer takes everything
	for _, r := range e.rows() {
		for i := range r {
			r[i] = harmless(r[i])
		}
		_ = w.Write(r)
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// harmless keeps a spreadsheet from taking a name that begins with = for a formula.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

const (
	checkSheet = "Grundschutz-Check"
	aboutSheet = "Hinweise"
	lightRose  = "FCE4EC"
)

// workbook returns the check as XLSX: our proposal in one column, and a drop-down for the officer's decision in another.
func (e *export) workbook() ([]byte, error) {
	x := excelize.NewFile()
	defer x.Close()
	w := writer{x: x}
	w.do(x.SetSheetName("Sheet1", checkSheet))
	bold, wrap, open := w.styles()
	rows := e.rows()
	for i, c := range columns {
		col, _ := excelize.ColumnNumberToName(i + 1)
		w.do(x.SetCellStr(checkSheet, col+"1", c.title))
		w.do(x.SetColWidth(checkSheet, col, col, c.width))
		style := wrap
		if i >= decisionColumn {
			style = open
		}
		w.do(x.SetCellStyle(checkSheet, col+"2", fmt.Sprint(col, len(rows)+1), style))
		for n, r := range rows {
			if r[i] != "" {
				w.do(x.SetCellStr(checkSheet, fmt.Sprint(col, n+2), r[i]))
			}
		}
	}
	w.do(x.SetRowHeight(checkSheet, 1, 32))
	for n, r := range rows { // what is opened elsewhere is not measured anew
		w.do(x.SetRowHeight(checkSheet, n+2, rowHeight(r)))
	}
	last, _ := excelize.ColumnNumberToName(len(columns))
	w.do(x.SetCellStyle(checkSheet, "A1", last+"1", bold))
	w.do(x.SetPanes(checkSheet, &excelize.Panes{Freeze: true, YSplit: 1, XSplit: 0, TopLeftCell: "A2", ActivePane: "bottomLeft"}))
	w.do(x.AutoFilter(checkSheet, fmt.Sprintf("A1:%s%d", last, len(rows)+1), nil))
	w.dropDown(decisionColumn, len(rows)+1)
	w.landscape()
	e.aboutPage(&w, bold, wrap)
	stand := e.stand().Format(time.RFC3339)
	w.do(x.SetDocProps(&excelize.DocProperties{Creator: "subrosa", LastModifiedBy: "subrosa", Created: stand, Modified: stand,
		Title: "Grundschutz-Check " + e.about.Name, Description: proposal, Language: "de-DE"}))
	if w.err != nil {
		return nil, w.err
	}
	b, err := x.WriteToBuffer()
	if err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// rowHeight is what the longest cell of a row needs, in points.
func rowHeight(row []string) float64 {
	lines := 1
	for i, text := range row {
		n := 0
		for _, part := range strings.Split(text, "\n") {
			n += 1 + int(float64(utf8.RuneCountInString(part))*1.15/columns[i].width) // words do not fill a line
		}
		lines = max(lines, n)
	}
	return float64(lines)*14.5 + 3
}

// writer keeps the first error.
type writer struct {
	x   *excelize.File
	err error
}

func (w *writer) do(err error) {
	if w.err == nil {
		w.err = err
	}
}

func (w *writer) style(s *excelize.Style) int {
	id, err := w.x.NewStyle(s)
	w.do(err)
	return id
}

func (w *writer) styles() (bold, wrap, open int) {
	line := []excelize.Border{{Type: "left", Style: 1, Color: "BBBBBB"}, {Type: "right", Style: 1, Color: "BBBBBB"},
		{Type: "top", Style: 1, Color: "BBBBBB"}, {Type: "bottom", Style: 1, Color: "BBBBBB"}}
	text := &excelize.Alignment{WrapText: true, Vertical: "top"}
	bold = w.style(&excelize.Style{Font: &excelize.Font{Bold: true}, Alignment: text, Border: line,
		Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"E0E0E0"}}})
	wrap = w.style(&excelize.Style{Alignment: text, Border: line})
	open = w.style(&excelize.Style{Alignment: text, Border: line, Fill: excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{lightRose}}})
	return bold, wrap, open
}

// decisions are what the officer can choose: the four of the check, and that it was not dealt with yet.
var decisions = []string{"ja", "teilweise", "nein", "entbehrlich", "unbearbeitet"}

func (w *writer) dropDown(column, lastRow int) {
	col, _ := excelize.ColumnNumberToName(column + 1)
	dv := excelize.NewDataValidation(true)
	dv.Sqref = fmt.Sprintf("%s2:%s%d", col, col, lastRow)
	w.do(dv.SetDropList(decisions))
	dv.SetError(excelize.DataValidationErrorStyleStop, "Status", "Bitte aus der Liste wählen.")
	dv.SetInput("Entscheidung", "entbehrlich nur mit Begründung")
	w.do(w.x.AddDataValidation(checkSheet, dv))
}

func (w *writer) landscape() {
	orientation, paper, wide, tall := "landscape", 8, 1, 0 // A3
	fit := true
	w.do(w.x.SetPageLayout(checkSheet, &excelize.PageLayoutOptions{Orientation: &orientation, Size: &paper, FitToWidth: &wide, FitToHeight: &tall}))
	w.do(w.x.SetSheetProps(checkSheet, &excelize.SheetPropsOptions{FitToPage: &fit}))
	w.do(w.x.SetDefinedName(&excelize.DefinedName{Name: "_xlnm.Print_Titles", Scope: checkSheet, RefersTo: "'" + checkSheet + "'!$1:$1"}))
}

func (e *export) aboutPage(w *writer, bold, wrap int) {
	_, err := w.x.NewSheet(aboutSheet)
	w.do(err)
	w.do(w.x.SetColWidth(aboutSheet, "A", "A", 26))
	w.do(w.x.SetColWidth(aboutSheet, "B", "B", 90))
	row := 0
	line := func(a, b string) {
		row++
		w.do(w.x.SetCellStr(aboutSheet, fmt.Sprint("A", row), a))
		w.do(w.x.SetCellStr(aboutSheet, fmt.Sprint("B", row), b))
		w.do(w.x.SetCellStyle(aboutSheet, fmt.Sprint("A", row), fmt.Sprint("A", row), bold))
		w.do(w.x.SetCellStyle(aboutSheet, fmt.Sprint("B", row), fmt.Sprint("B", row), wrap))
	}
	for _, f := range e.summary() {
		line(f[0], f[1])
	}
	line("Status", proposal)
	for _, n := range notices {
		line("Hinweis", n)
	}
	for _, n := range unmeasurable {
		line("Nicht messbar", n)
	}
}

// told counts findings, those with that only summaries of sessions still tell.
func told(n, answered int, older compliance.Older) string {
	s := fmt.Sprintf("%d, davon %d beantwortet", n+older.Told, answered+older.Answered)
	if older.Told > 0 {
		s += fmt.Sprintf("; bei %d sind die Einzelheiten nach Frist gelöscht", older.Told)
	}
	return s
}

// summary is the period in figures, with the coverage beside each.
func (e *export) summary() [][2]string {
	f := e.Figures
	closed, sound, radio := f.Total()
	answered := 0
	for _, a := range f.Alarms {
		if a.Answered() {
			answered++
		}
	}
	out := [][2]string{
		{"Raum", e.about.Name},
		{"Zeitraum", e.period()},
		{"Sitzungen", fmt.Sprintf("%d, davon %d mit nichtöffentlichem Teil, zusammen %s", len(f.Sessions), len(f.Closed()), hours(closed))},
		{"Schall geprüft", share(sound) + " dieser Zeit"},
		{"Funk geprüft", share(radio) + " dieser Zeit"},
		{"Befunde mit Meldung", told(len(f.Alarms), answered, f.Older)},
		{"Ausnahmen der Leitung", fmt.Sprint(f.Overrides())},
		{"Mikrofon-Selbsttests", fmt.Sprintf("%d gehört, %d nicht gehört, %d nicht gespielt", f.SelfTests.Heard, f.SelfTests.Unheard, f.SelfTests.Unplayed)},
		{"Zeiten ohne Einheit", fmt.Sprintf("%d, zusammen höchstens %s", len(f.Gaps), hours(away(f.Gaps)))},
		{"Protokoll", "Einträge " + evidence(f.All) + "; " + e.quality()},
	}
	if f.All.Count == 0 {
		out[len(out)-1][1] = "keine Einträge im Zeitraum"
	}
	for _, extra := range []struct {
		n    int
		text string
	}{
		{f.Unsealed, "%d Einträge einer Einheit, deren Messfühler der Kern nicht versiegelt hat"},
		{f.Hidden, "%d Einträge ohne lesbaren Inhalt (nach Frist gelöscht oder aus einer anderen Fassung)"},
		{f.Breaks, "%d Brüche in der Kette des Protokolls"},
		{f.Qualities["scenario"], "%d Einträge aus einer Vorführung: kein Nachweis eines wirklichen Betriebs"},
	} {
		if extra.n > 0 {
			out = append(out, [2]string{"Vorbehalt", fmt.Sprintf(extra.text, extra.n)})
		}
	}
	return out
}

func away(gaps []compliance.Gap) (sum time.Duration) {
	for _, g := range gaps {
		sum += g.To.Sub(g.From)
	}
	return sum
}
