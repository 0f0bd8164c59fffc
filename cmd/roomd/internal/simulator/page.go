package simulator

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"math"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"subrosa/drivers/button"
	"subrosa/drivers/display"
	"subrosa/drivers/lamp"
	"subrosa/firmware/panel"
	"subrosa/firmware/session"
	"subrosa/firmware/wall"
)

//go:embed page
var assets embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{"tr": func(lang, de, en string) string { return wall.Text{DE: de, EN: en}.In(lang) }}).
	ParseFS(assets, "page/*.html"))

// view is what the page shows at one moment.
type view struct {
	Lang     string
	Room     string
	Inputs   map[string]string // names to values, for controls
	Sections []string

	Word     string // of the session, as on the wall
	Press    string // the last press
	Broken   []string
	Lights   []light
	Lit      int
	Tally    []light // the recording lamp
	TallyLit int
	Screen   string // path of the dots
	Screened string // the same in words, for those who cannot see them
	LED      bool
	Motor    bool
	Relays   []relayView
	Contacts []contactView
	Senses   bool
	Occupied bool
	Phones   int
	Slots    int
	Bands    []bandView
}

type light struct {
	X      int
	Colour string
}

type relayView struct {
	Name string
	On   bool
}

type contactView struct {
	Name, Guards, State string
	Supervised          bool
}

type bandView struct {
	Input, Band, Range, Mean, Peak, Note string
}

// Handler serves the page under /simulator. It uses the wall's style sheet at /static/base.css.
func (s *Simulator) Handler(room string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /simulator", func(w http.ResponseWriter, r *http.Request) {
		lang := language(r)
		if q := r.URL.Query().Get("lang"); q == "de" || q == "en" {
			http.SetCookie(w, &http.Cookie{Name: "lang", Value: q, Path: "/", MaxAge: 30 * 24 * 3600, HttpOnly: true, SameSite: http.SameSiteStrictMode})
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		draw(w, "simulator.html", s.view(lang, room))
	})
	mux.HandleFunc("GET /simulator/events", s.events)
	mux.HandleFunc("POST /simulator/set", s.set)
	mux.HandleFunc("GET /simulator/{file}", func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("file")
		b, err := assets.ReadFile("page/" + name)
		if err != nil || path.Ext(name) == ".html" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
		_, _ = w.Write(b)
	})
	protect := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'")
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		protect.ServeHTTP(w, r)
	})
}

func language(r *http.Request) string {
	lang := r.URL.Query().Get("lang")
	if lang == "" {
		if c, err := r.Cookie("lang"); err == nil {
			lang = c.Value
		}
	}
	if lang == "en" {
		return "en"
	}
	return "de"
}

func draw(w http.ResponseWriter, name string, v view) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, v); err != nil {
		http.Error(w, "page could not be drawn", http.StatusInternalServerError)
		return
	}
	_, _ = w.Write(b.Bytes())
}

func (s *Simulator) set(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	if err := s.Set(r.PostFormValue("name"), r.PostFormValue("value")); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// outputs are the parts of the page that are replaced.
var outputs = []string{"state", "lamp", "screen", "button", "relays", "contacts", "people", "locker", "bands"}

const (
	pace       = 100 * time.Millisecond
	maxStreams = 16
)

// events sends the outputs and inputs that have changed, at most ten times a second.
func (s *Simulator) events(w http.ResponseWriter, r *http.Request) {
	c := make(chan struct{}, 1)
	if !s.subscribe(c) {
		http.Error(w, "too many open pages", http.StatusServiceUnavailable)
		return
	}
	defer s.unsubscribe(c)
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	rc, lang, last := http.NewResponseController(w), language(r), map[string]string{}
	t := time.NewTicker(pace)
	defer t.Stop()
	for {
		m, err := s.message(lang, last)
		if err != nil {
			return
		}
		if m != nil {
			_ = rc.SetWriteDeadline(time.Now().Add(5 * time.Second))
			if _, err := fmt.Fprintf(w, "event: view\ndata: %s\n\n", m); err != nil || rc.Flush() != nil {
				return
			}
		}
		select {
		case <-r.Context().Done():
			return
		case <-s.done:
			return
		case <-t.C:
		}
		select {
		case <-r.Context().Done():
			return
		case <-s.done:
			return
		case <-c:
		}
	}
}

// message returns what differs from last, which it brings up to date; nil for nothing.
func (s *Simulator) message(lang string, last map[string]string) ([]byte, error) {
	v := s.view(lang, "")
	m := struct {
		Parts  map[string]string `json:"parts,omitempty"`
		Inputs map[string]string `json:"inputs,omitempty"`
	}{map[string]string{}, map[string]string{}}
	var b bytes.Buffer
	for _, name := range outputs {
		b.Reset()
		if err := pages.ExecuteTemplate(&b, "sim-"+name, v); err != nil {
			return nil, err
		}
		if html := b.String(); last["part "+name] != html {
			m.Parts[name], last["part "+name] = html, html
		}
	}
	for name, value := range v.Inputs {
		if last["input "+name] != value {
			m.Inputs[name], last["input "+name] = value, value
		}
	}
	if len(m.Parts)+len(m.Inputs) == 0 {
		return nil, nil
	}
	return json.Marshal(m)
}

var subscribers sync.Mutex // of all simulators: there is one

func (s *Simulator) subscribe(c chan struct{}) bool {
	subscribers.Lock()
	defer subscribers.Unlock()
	if len(s.subs) >= maxStreams {
		return false
	}
	s.subs[c] = struct{}{}
	return true
}

func (s *Simulator) unsubscribe(c chan struct{}) {
	subscribers.Lock()
	defer subscribers.Unlock()
	delete(s.subs, c)
}

// wake tells open pages that something has changed.
func (s *Simulator) wake() {
	subscribers.Lock()
	defer subscribers.Unlock()
	for c := range s.subs {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

func (s *Simulator) view(lang, room string) view {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := view{Lang: lang, Room: room, Sections: s.sections(), Inputs: map[string]string{}, Senses: s.facts.Senses, Occupied: s.facts.Occupied,
		Phones: s.facts.Phones, Slots: s.conf.Locker.Slots}
	for name, value := range s.inputs {
		v.Inputs[name] = value
	}
	v.Word = wall.Text(session.Look(s.session, time.Local).Word).In(lang)
	v.Press = s.pressWords(lang)
	for part, why := range s.broken {
		v.Broken = append(v.Broken, part+": "+why)
	}
	slices.Sort(v.Broken)
	v.Lights, v.Lit = s.lights(0, s.conf.Lamp.Lights)
	v.Tally, v.TallyLit = s.lights(s.conf.Lamp.Lights, s.conf.Lamp.Recording)
	v.Screen = s.screen.path()
	for _, l := range (panel.NewScene(wall.View{Session: s.session}, s.facts, panel.Policy{})).Lines() {
		v.Screened += l.Text + " "
	}
	level := func(name string) bool { return s.pins[name] != nil && bool(s.pins[name].level) }
	v.LED, v.Motor = level(s.conf.Button.Light), level(s.conf.Button.Motor)
	for _, r := range s.conf.Relays {
		v.Relays = append(v.Relays, relayView{r.Name, level(r.Pin)})
	}
	for _, c := range s.facts.Contacts {
		v.Contacts = append(v.Contacts, contactView{c.Name, guards[c.Guards].In(lang), contactStates[c.State].In(lang), c.Supervised})
	}
	v.Bands = s.bands(lang)
	return v
}

// sections are the cards of the page: parts that people see as one share one.
func (s *Simulator) sections() (out []string) {
	shared := map[string]string{"lines": "contacts", "switches": "contacts", "pir": "people", "radar": "people"}
	for _, p := range s.conf.Parts {
		if name, ok := shared[p]; ok {
			p = name
		}
		if !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

var guards = map[string]wall.Text{panel.Window: {DE: "Fenster", EN: "window"}, panel.Door: {DE: "Tür", EN: "door"}, panel.Case: {DE: "Gehäuse", EN: "case"},
	panel.Leave: {DE: "Saal verlässt die Konferenz", EN: "hall leaves the conference"}}

var orders = map[wall.Act]wall.Text{
	wall.Start: {DE: "Übergabe beginnt", EN: "handover begins"}, wall.Confirm: {DE: "Fortsetzen mit Grund", EN: "go on, with a reason"},
	wall.Interrupt: {DE: "Unterbrechen", EN: "interrupt"}, wall.Resume: {DE: "Fortsetzen", EN: "resume"}, wall.End: {DE: "Übergabe abgebrochen", EN: "handover given up"},
	wall.Propose: {DE: "Frage auf der Seite der Sitzungsleitung", EN: "question on the chair's page"}, "": {DE: "kein Auftrag", EN: "no order"},
}

func (s *Simulator) pressWords(lang string) string {
	if s.press.n == 0 {
		return wall.Text{DE: "noch keiner", EN: "none yet"}.In(lang)
	}
	how := wall.Text{DE: "kurz", EN: "short"}
	if s.press.press == button.Long {
		how = wall.Text{DE: "lang", EN: "long"}
	}
	return fmt.Sprintf("%d: %s – %s", s.press.n, how.In(lang), orders[s.press.act].In(lang))
}

// lights reads n lights of the lamp's last frame as its chips would, and undoes brightness and gamma, as the eye does.
func (s *Simulator) lights(from, n int) (out []light, lit int) {
	c := s.conf.Lamp
	for i := range n {
		blue, green, red, ok := s.sent(from + i)
		if !ok {
			break
		}
		eye := func(v byte) int {
			return int(math.Round(255 * math.Pow(min(1, float64(v)/(255*c.Cap)), 1/lamp.DefaultOpts.Gamma)))
		}
		if red|green|blue != 0 {
			lit++
		}
		out = append(out, light{20 + 36*i, fmt.Sprintf("#%02x%02x%02x", eye(red), eye(green), eye(blue))})
	}
	return out, lit
}

// sent decodes light i of the last frame.
func (s *Simulator) sent(i int) (blue, green, red byte, ok bool) {
	if s.conf.Lamp.Chip == lamp.APA102 {
		if len(s.lamp) < 8+4*i {
			return 0, 0, 0, false
		}
		p := s.lamp[4+4*i:]
		return p[1], p[2], p[3], true
	}
	if len(s.lamp) < 9*i+9 {
		return 0, 0, 0, false
	}
	colour := func(b []byte) (v byte) { // the middle one of each three bits
		w := uint32(b[0])<<16 | uint32(b[1])<<8 | uint32(b[2])
		for k := range 8 {
			v |= byte(w>>(3*k+1)&1) << k
		}
		return v
	}
	p := s.lamp[9*i:]
	return colour(p[6:]), colour(p), colour(p[3:]), true
}

// path draws the lit dots, one run after the other.
func (c *screen) path() string {
	var b strings.Builder
	for y := range display.Height {
		for x := 0; x < display.Width; {
			n := 0
			for x+n < display.Width && c.lit(x+n, y) {
				n++
			}
			if n > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x, y, n, n)
			}
			x += n + 1
		}
	}
	return b.String()
}

func (s *Simulator) bands(lang string) (out []bandView) {
	decimal := func(v float64) string {
		t := fmt.Sprintf("%.1f", v)
		if lang != "en" {
			t = strings.Replace(t, ".", ",", 1)
		}
		return strings.Replace(t, "-", "−", 1)
	}
	for i, c := range s.table.Channels {
		v := bandView{Input: fmt.Sprintf("power-%d", i), Band: c.Band, Range: fmt.Sprintf("%g–%g MHz", c.LoHz/1e6, c.HiHz/1e6), Mean: "–", Peak: "–"}
		for _, l := range s.levels {
			if l.Channel != i {
				continue
			}
			v.Mean, v.Peak = decimal(l.MeanDBm)+" ± "+decimal(l.UncertaintyDB), decimal(l.PeakDBm)
			v.Note = flagWords[l.Mean].In(lang)
		}
		out = append(out, v)
	}
	return out
}
