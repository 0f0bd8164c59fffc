package export

import (
	"bytes"
	_ "embed"
	"time"

	"codeberg.org/go-pdf/fpdf"
)

//go:embed font/DejaVuSansCondensed.ttf
var regular []byte

//go:embed font/DejaVuSansCondensed-Bold.ttf
var boldFace []byte

const (
	margin   = 18.0 // mm, all lengths on paper are
	bottom   = 20.0
	width    = 210 - 2*margin
	pageEnd  = 297 - bottom
	textSize = 9.0 // points
	leading  = 4.4
)

// paper is an A4 page that text runs down.
type paper struct{ *fpdf.Fpdf }

// newPaper begins a document; foot is said at the bottom of each page.
func newPaper(title, foot string, stand time.Time) paper {
	p := paper{fpdf.New("P", "mm", "A4", "")}
	p.AddUTF8FontFromBytes("dejavu", "", regular)
	p.AddUTF8FontFromBytes("dejavu", "B", boldFace)
	p.SetTitle(title, true)
	p.SetLang("de-DE")
	p.SetCreator("subrosa", true)
	p.SetProducer("subrosa", true)
	p.SetCreationDate(stand)
	p.SetModificationDate(stand)
	p.SetCatalogSort(true) // the same bytes each time
	p.SetMargins(margin, margin, margin)
	p.SetAutoPageBreak(false, bottom)
	p.SetCellMargin(0)
	p.AliasNbPages("{pages}")
	p.SetFooterFunc(func() {
		p.SetY(297 - 14)
		p.font("", 7.5)
		p.SetTextColor(90, 90, 90)
		p.CellFormat(width*0.8, 4, foot, "", 0, "L", false, 0, "")
		p.CellFormat(width*0.2, 4, "Seite "+itoa(p.PageNo())+" von {pages}", "", 0, "R", false, 0, "")
		p.SetTextColor(0, 0, 0)
	})
	p.AddPage()
	return p
}

func (p paper) font(style string, size float64) { p.SetFont("dejavu", style, size) }

// room begins a new page unless h is left on this one.
func (p paper) room(h float64) {
	if p.GetY()+h > pageEnd {
		p.AddPage()
	}
}

func (p paper) heading(text string) {
	p.room(30)
	p.Ln(4)
	p.font("B", 11.5)
	p.SetTextColor(122, 20, 60)
	p.CellFormat(width, 6, text, "", 1, "L", false, 0, "")
	p.SetTextColor(0, 0, 0)
	p.Ln(1)
}

// text is a paragraph.
func (p paper) text(text string) {
	p.font("", textSize)
	lines := p.SplitText(text, width)
	p.room(float64(len(lines)) * leading)
	for _, l := range lines {
		p.CellFormat(width, leading, l, "", 1, "L", false, 0, "")
	}
	p.Ln(1.2)
}

// bullet is a paragraph with a dot.
func (p paper) bullet(text string) {
	p.font("", textSize)
	lines := p.SplitText(text, width-5)
	p.room(float64(len(lines)) * leading)
	for i, l := range lines {
		dot := ""
		if i == 0 {
			dot = "•"
		}
		p.CellFormat(5, leading, dot, "", 0, "L", false, 0, "")
		p.CellFormat(width-5, leading, l, "", 1, "L", false, 0, "")
	}
	p.Ln(0.6)
}

// cell of a table.
type cell struct {
	text string
	bold bool
}

// column of a table; the widths add up to width.
type column struct {
	title string
	width float64
}

// table writes rows and repeats its head on each page. A row with one cell runs across and is shaded.
func (p paper) table(columns []column, rows [][]cell) {
	if columns[0].title != "" {
		p.head(columns)
	}
	for i, r := range rows {
		h := p.height(columns, r)
		need := h
		if len(r) == 1 && i+1 < len(rows) { // a title stays with what it is the title of
			need += p.height(columns, rows[i+1])
		}
		if p.GetY()+need > pageEnd {
			p.AddPage()
			if columns[0].title != "" {
				p.head(columns)
			}
		}
		p.row(columns, r, h)
	}
	p.Ln(2)
}

const pad = 1.0

func (p paper) head(columns []column) {
	var r []cell
	for _, c := range columns {
		r = append(r, cell{c.title, true})
	}
	h := p.height(columns, r)
	p.room(h + 12)
	p.SetFillColor(224, 224, 224)
	p.Rect(margin, p.GetY(), width, h, "F")
	p.row(columns, r, h)
}

func (p paper) lines(c cell, w float64) []string {
	style := ""
	if c.bold {
		style = "B"
	}
	p.font(style, 8)
	return p.SplitText(c.text, w-2*pad)
}

const rowLeading = 3.7

func (p paper) height(columns []column, r []cell) float64 {
	n := 1
	for i, c := range r {
		w := columns[i].width
		if len(r) == 1 {
			w = width
		}
		n = max(n, len(p.lines(c, w)))
	}
	return float64(n)*rowLeading + 2*pad
}

func (p paper) row(columns []column, r []cell, h float64) {
	x, y := margin, p.GetY()
	p.SetDrawColor(170, 170, 170)
	p.SetLineWidth(0.15)
	if len(r) == 1 {
		p.SetFillColor(245, 240, 242)
		p.Rect(x, y, width, h, "FD")
	}
	for i, c := range r {
		w := columns[i].width
		if len(r) == 1 {
			w = width
		} else {
			p.Rect(x, y, w, h, "D")
		}
		for n, l := range p.lines(c, w) {
			p.SetXY(x+pad, y+pad+float64(n)*rowLeading)
			p.CellFormat(w-2*pad, rowLeading, l, "", 0, "L", false, 0, "")
		}
		x += w
	}
	p.SetXY(margin, y+h)
}

// line is a label with a line to write on.
func (p paper) line(label string, labelWidth float64) {
	p.room(10)
	p.font("", textSize)
	p.Ln(4)
	p.CellFormat(labelWidth, leading, label, "", 0, "L", false, 0, "")
	p.SetDrawColor(60, 60, 60)
	y := p.GetY() + leading
	p.Line(margin+labelWidth, y, margin+width, y)
	p.Ln(leading + 1)
}

func (p paper) bytes() ([]byte, error) {
	var b bytes.Buffer
	err := p.Output(&b)
	return b.Bytes(), err
}
