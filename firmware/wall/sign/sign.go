// Package sign draws the few signs of the product: the rose and what is said with it.
//
// An open rose means public, a closed bud confidential, a thorn a finding. Each sign is plain inline SVG in
// currentColor with tints of it, without style, script or reference to the outside, so that it passes a strict
// content security policy and takes the colour of the text around it. Shapes, never colours, tell signs apart.
package sign

import (
	"fmt"
	"html/template"
	"strconv"
	"strings"
)

// Name of a sign.
type Name string

const (
	Rose    Name = "rose"    // open rose seen from above: public
	Bud     Name = "bud"     // closed bud: confidential
	Opening Name = "opening" // bud unfolding: on the way back to public
	Thorn   Name = "thorn"   // a finding; consoles and the chair's page only
	Clock   Name = "clock"   // something comes later
	Dot     Name = "dot"     // with reservations
	Bar     Name = "bar"     // interrupted
	OpenBar Name = "openbar" // exception by the chair
	Wrench  Name = "wrench"  // the unit is degraded
	Ring    Name = "ring"    // progress alone
)

// Names returns all signs in a fixed order.
func Names() []Name {
	return []Name{Rose, Bud, Opening, Thorn, Clock, Dot, Bar, OpenBar, Wrench, Ring}
}

// Options change how a sign is drawn. The zero value draws the bare sign, decorative, 1 em wide.
type Options struct {
	Badge Name   // Clock, Dot, Bar, OpenBar or Wrench on Rose, Bud or Opening; "" for none
	Steps int    // > 0: a ring of progress of so many steps around the sign
	Done  int    // steps done, 0…Steps
	Size  int    // width and height in CSS pixels; 0: 1em
	Title string // text alternative; "" hides the sign from assistive technology
	Class string // further class names for the svg element
}

// SVG returns the sign as an svg element. An unknown name or badge draws nothing but an empty box of the right
// size: a picture must never keep a page from showing its words.
func SVG(n Name, o Options) template.HTML {
	var b strings.Builder
	size := "1em"
	if o.Size > 0 {
		size = strconv.Itoa(o.Size)
	}
	fmt.Fprintf(&b, `<svg class="%s" width="%s" height="%s" viewBox="0 0 64 64" fill="currentColor"`,
		template.HTMLEscapeString(strings.TrimSpace("sign "+o.Class)), size, size)
	if o.Title == "" {
		b.WriteString(` aria-hidden="true" focusable="false">`)
	} else {
		fmt.Fprintf(&b, ` role="img" aria-label="%s">`, template.HTMLEscapeString(o.Title))
	}
	draw(&b, n, o)
	b.WriteString(`</svg>`)
	return template.HTML(b.String()) // every byte above is ours or escaped
}

// draw writes the figure: the sign, cut out under its badge, the badge, and the ring around both.
func draw(b *strings.Builder, n Name, o Options) {
	figure, known := figures[n]
	if n == Ring {
		ring(b, o.Done, max(o.Steps, 1), 26)
		return
	}
	if !known {
		return
	}
	ringed := o.Steps > 0
	if ringed {
		b.WriteString(`<g transform="translate(32 32) scale(.76) translate(-32 -32)">`)
	}
	badge, badged := badges[o.Badge]
	if badged {
		id := "sr-" + string(n) + "-" + string(o.Badge)
		fmt.Fprintf(b, `<mask id="%s" maskUnits="userSpaceOnUse" x="0" y="0" width="64" height="64">`+
			`<path fill="#fff" d="M0 0h64v64H0z"/>%s</mask><g mask="url(#%s)">%s</g><g class="badge">%s</g>`,
			id, badge.gap, id, figure, badge.figure)
	} else {
		b.WriteString(figure)
	}
	if ringed {
		b.WriteString(`</g>`)
		ring(b, o.Done, o.Steps, 29.5)
	}
}

// ring draws a circle of steps arcs from twelve o'clock; those done are full, the others faint.
func ring(b *strings.Builder, done, steps int, radius float64) {
	const whole = 360.0 // pathLength, so that dashes are degrees
	done = min(max(done, 0), steps)
	arc, gap := whole/float64(steps), 5.0
	if steps == 1 {
		gap = 0
	}
	b.WriteString(`<g class="ring" fill="none" stroke="currentColor" stroke-width="3.4" transform="rotate(-90 32 32)">`)
	for i := range steps {
		class, opacity := "todo", ".26"
		switch {
		case i < done:
			class, opacity = "done", "1"
		case i == done:
			class = "now"
		}
		fmt.Fprintf(b, `<circle class="%s" cx="32" cy="32" r="%g" pathLength="360" opacity="%s" `+
			`stroke-dasharray="%.2f %.2f" stroke-dashoffset="%.2f"/>`,
			class, radius, opacity, arc-gap, whole-arc+gap, -(float64(i)*arc + gap/2))
	}
	b.WriteString(`</g>`)
}
