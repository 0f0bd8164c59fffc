package sign

import (
	"fmt"
	"strings"
)

// The figures are drawn by hand on a field of 64 by 64. Fives of the rose are one petal, turned.
const (
	// outer petal of the rose, its rolled rim, and the barb that shows between two petals
	petal = `M28.2 25 20.6 15.4C16.6 10.2 18.2 2.8 25.2 2.3 28.4 2.1 30.8 3.6 32 5.6 33.2 3.6 35.6 2.1 38.8 2.3 45.8 2.8 47.4 10.2 43.4 15.4L35.8 25Z`
	rim   = `M20.6 15.4C16.6 10.2 18.2 2.8 25.2 2.3 28.4 2.1 30.8 3.6 32 5.6 33.2 3.6 35.6 2.1 38.8 2.3 45.8 2.8 47.4 10.2 43.4 15.4 43.4 10 39.4 6.6 35.6 7.9 33.9 8.5 32.7 9.7 32 11.2 31.3 9.7 30.1 8.5 28.4 7.9 24.6 6.6 20.6 10 20.6 15.4Z`
	barb  = `M32 1C33.6 4.4 34.3 7.4 33.3 10.6L32 13.4 30.7 10.6C29.7 7.4 30.4 4.4 32 1Z`
	// inner petal and its rim
	inner    = `M29.6 27.2 25.2 21.7C22.6 18.3 23.8 13.5 28 13.2 29.8 13.1 31.2 14 32 15.3 32.8 14 34.2 13.1 36 13.2 40.2 13.5 41.4 18.3 38.8 21.7L34.4 27.2C33 26.3 31 26.3 29.6 27.2Z`
	innerRim = `M25.2 21.7C22.6 18.3 23.8 13.5 28 13.2 29.8 13.1 31.2 14 32 15.3 32.8 14 34.2 13.1 36 13.2 40.2 13.5 41.4 18.3 38.8 21.7 38.7 18.4 36.6 16.4 34.4 17.1 33.3 17.4 32.5 18.2 32 19.2 31.5 18.2 30.7 17.4 29.6 17.1 27.4 16.4 25.3 18.4 25.2 21.7Z`

	calyx = `<path d="M32 50.4C22.6 50.6 14.4 45.6 9.2 35.4 8.6 34.2 9.8 33.2 10.9 34 17.4 39.2 23.6 42.2 29 45.2L32 46.4 35 45.2C40.4 42.2 46.6 39.2 53.1 34 54.2 33.2 55.4 34.2 54.8 35.4 49.6 45.6 41.4 50.6 32 50.4Z"/>` +
		`<path d="M27.6 48.6H36.4C36.2 52.4 34.6 54.4 32 54.4S27.8 52.4 27.6 48.6Z"/>` +
		`<path fill="none" stroke="currentColor" stroke-width="2.6" stroke-linecap="round" d="M32 53C32.3 56.4 31.8 59.4 30.6 62"/>`
	bud = `<path opacity=".58" d="M27.6 5.8C18.2 11.6 11.8 21.4 13.6 31.4 14.6 36.8 18.6 40.6 24.2 42.6 27.4 37.4 30.6 31.4 30.8 24.2 30.9 18 29.2 11.4 27.6 5.8Z"/>` +
		`<path opacity=".8" d="M29.6 4.6C31.4 3.2 32.6 2.2 33.4 1.2 34 8.6 36 15.6 35.4 22.6 34.8 26.4 33.8 29.6 32.6 32.4 33.6 23 32.2 13.4 29.6 4.6Z"/>` +
		`<path d="M35 1.4C44.8 9 52.2 20.4 50.4 31.4 49.2 38.4 42.4 43 32 44.2 30 44 28 43.6 26.2 43.2 32.6 37.6 36.8 30.8 37.4 22.8 37.9 15.6 36 8.8 35 1.4Z"/>`
	opening = `<path opacity=".5" d="M21.4 39.6C13.4 38.4 6 32.8 3 24.4 1.2 19.2 4.4 15.6 9.4 17 12.6 17.9 15.2 20.2 16.6 23.2 16.4 29.2 18 35 21.4 39.6Z"/>` +
		`<path opacity=".5" d="M42.6 39.6C50.6 38.4 58 32.8 61 24.4 62.8 19.2 59.6 15.6 54.6 17 51.4 17.9 48.8 20.2 47.4 23.2 47.6 29.2 46 35 42.6 39.6Z"/>` +
		`<path opacity=".72" d="M27.4 8.4C20.8 12.2 17.8 19 18.8 26.6 19.8 34 23 40 27.6 43.2 30.2 38.2 31.4 32.4 31 25.2 30.7 19.2 29.4 13.4 27.4 8.4Z"/>` +
		`<path d="M33.2 4.6C41.6 10 46.4 18.4 45.4 28 44.6 35.8 40.2 42 32 44.2L29.6 43.8C33.2 38.2 34.8 31.8 34.4 24.4 34 17.2 33.4 10.8 33.2 4.6Z"/>`
	thorn = `<path opacity=".58" d="M21.6 2.6C24.6 1.4 27.2 2.2 27.6 5.4 29.6 22.4 29 41 24.4 59.4 23.8 61.8 21.2 62.6 18.4 61.6 17 61.1 16.6 60 17 58.6 21.2 41 21.8 22.6 20 5.2 19.9 4 20.4 3.1 21.6 2.6Z"/>` +
		`<path d="M30.7 13.4C38.6 17 50.4 25.6 56.6 41.4 57.2 43 55.6 44.2 54.3 43.2 47.4 38 38.2 37.8 29.4 45.8 31 35.2 31.4 24.2 30.7 13.4Z"/>`

	clock = `<circle cx="50" cy="50" r="11" fill="none" stroke="currentColor" stroke-width="3"/>` +
		`<path fill="none" stroke="currentColor" stroke-width="2.8" stroke-linecap="round" stroke-linejoin="round" d="M50 43.6V50.4L54.4 53"/>`
	dot     = `<circle cx="50" cy="50" r="8.5"/>`
	bar     = `<path d="M9.4 52.8 52.8 9.4A2.6 2.6 0 0 1 56.6 13.2L13.2 56.6A2.6 2.6 0 0 1 9.4 52.8Z"/>`
	openBar = `<path d="M9.4 52.8 20.6 41.6A2.6 2.6 0 0 1 24.4 45.4L13.2 56.6A2.6 2.6 0 0 1 9.4 52.8ZM41.6 20.6 52.8 9.4A2.6 2.6 0 0 1 56.6 13.2L45.4 24.4A2.6 2.6 0 0 1 41.6 20.6Z"/>`
	wrench  = `<path d="M61.7 42.4A8.8 8.8 0 0 1 50.8 53.3L44 60.1A3.6 3.6 0 0 1 38.9 55L45.7 48.2A8.8 8.8 0 0 1 56.6 37.3L51.9 42 52.7 46.3 57 47.1Z"/>`
)

// badge is a mark on a figure and the gap, drawn black into a mask, that keeps the two apart.
type badge struct{ figure, gap string }

var badges = map[Name]badge{
	Clock:   {clock, `<circle cx="50" cy="50" r="15.4" fill="#000"/>`},
	Dot:     {dot, `<circle cx="50" cy="50" r="11.6" fill="#000"/>`},
	Bar:     {bar, `<path stroke="#000" stroke-width="11.4" stroke-linecap="round" d="M11.3 54.7 54.7 11.3"/>`},
	Wrench:  {wrench, `<g fill="#000" stroke="#000" stroke-width="5" stroke-linejoin="round"><circle cx="53" cy="45" r="11"/>` + wrench + `</g>`},
	OpenBar: {openBar, `<path stroke="#000" stroke-width="11.4" stroke-linecap="round" d="M11.3 54.7 22.5 43.5M43.5 22.5 54.7 11.3"/>`},
}

var figures = map[Name]string{
	Rose:    rose(),
	Bud:     bud + calyx,
	Opening: opening + calyx,
	Thorn:   thorn,
	Clock:   centred(clock, 2.2),
	Dot:     centred(dot, 2.2),
	Bar:     bar,
	OpenBar: openBar,
	Wrench:  centred(wrench, 2),
}

// centred brings a badge from its corner to the middle, for use as a sign of its own.
func centred(d string, scale float64) string {
	return fmt.Sprintf(`<g transform="translate(32 32) scale(%g) translate(-50 -50)">%s</g>`, scale, d)
}

func rose() string {
	var b strings.Builder
	b.WriteString(`<mask id="sr-heart" maskUnits="userSpaceOnUse" x="0" y="0" width="64" height="64">` +
		`<path fill="#fff" d="M0 0h64v64H0z"/><circle cx="32" cy="32" r="9" fill="#000"/>`)
	five(&b, inner, 36, `fill="#000" stroke="#000" stroke-width="2.2" stroke-linejoin="round"`)
	b.WriteString(`</mask><g mask="url(#sr-heart)">`)
	five(&b, petal, 0, `opacity=".55"`)
	five(&b, rim, 0, `opacity=".6"`)
	five(&b, barb, 36, `class="barb"`)
	b.WriteString(`</g>`)
	five(&b, inner, 36, `opacity=".62"`)
	five(&b, innerRim, 36, `class="rim"`)
	b.WriteString(`<circle cx="32" cy="32" r="3.6"/>`)
	return b.String()
}

// five writes the path five times around the middle, the first turned by degrees, as one group.
func five(b *strings.Builder, d string, degrees int, attributes string) {
	fmt.Fprintf(b, `<g %s>`, attributes)
	for i := range 5 {
		fmt.Fprintf(b, `<path transform="rotate(%d 32 32)" d="%s"/>`, degrees+72*i, d)
	}
	b.WriteString(`</g>`)
}
