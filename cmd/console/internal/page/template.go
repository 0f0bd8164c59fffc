package page

import (
	"fmt"
	"html/template"
	"path"
	"strings"
	"time"

	"subrosa/cmd/console/internal/access"
	"subrosa/dsp/detect"
	"subrosa/firmware/alarm"
	"subrosa/firmware/finding"
	"subrosa/firmware/report"
	"subrosa/firmware/session"
	"subrosa/firmware/wall/sign"
)

// parse reads every template once for each language; unknown keys are errors, at the latest in the tests.
func (h *Handler) parse() error {
	entries, err := files.ReadDir("templates")
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	h.pages = map[string]map[string]*template.Template{}
	for _, lang := range []string{"de", "en"} {
		base, err := template.New("base.html").Funcs(h.funcs(lang)).Option("missingkey=error").ParseFS(files, "templates/base.html")
		if err != nil {
			return fmt.Errorf("page: %w", err)
		}
		h.pages[lang] = map[string]*template.Template{}
		for _, e := range entries {
			if e.Name() == "base.html" {
				continue
			}
			t, err := base.Clone()
			if err == nil {
				t, err = t.ParseFS(files, path.Join("templates", e.Name()))
			}
			if err != nil {
				return fmt.Errorf("page: %w", err)
			}
			h.pages[lang][strings.TrimSuffix(e.Name(), ".html")] = t
		}
	}
	return nil
}

func (h *Handler) funcs(lang string) template.FuncMap {
	return template.FuncMap{
		"lang":  func() string { return lang },
		"other": func() string { return map[string]string{"de": "en", "en": "de"}[lang] },
		"t": func(key string) (string, error) {
			t, ok := texts[key]
			if !ok {
				return "", fmt.Errorf("page: no text %q", key)
			}
			return in(lang, t), nil
		},
		"in":      func(t Text) string { return in(lang, t) },
		"num":     func(decimals int, x any) string { return number(lang, decimals, float(x)) },
		"sig":     func(x float64) string { return significant(lang, x) },
		"hz":      func(x float64) string { return finding.Hertz(lang, x) },
		"when":    func(t time.Time) string { return dateTime(lang, h.loc, t) },
		"clock":   func(t time.Time) string { return clock(lang, h.loc, t) },
		"iso":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"percent": percent,
		"sign":    func(name string, size int) template.HTML { return sign.SVG(sign.Name(name), sign.Options{Size: size}) },
		"role":    func(r any) string { return roleText(lang, access.Role(fmt.Sprint(r))) },
		"sense":   func(s string) string { return senseText(lang, s) },
		"cannot":  func(s string) string { return cannotText(lang, s) },
		"band": func(s string) string {
			if mhz, ok := strings.CutSuffix(s, " MHz"); ok && lang != "en" { // a part of the receiver's span, named by its middle
				return strings.Replace(mhz, ".", ",", 1) + " MHz"
			}
			return finding.NameText(lang, detect.NewEmitter, s)
		},
		"band2":  func(lo, hi float64) string { return rangeText(lang, lo, hi) },
		"pair":   func(a, b any) struct{ A, B any } { return struct{ A, B any }{a, b} },
		"act":    func(s string) string { return word(lang, actions, s) },
		"detail": func(what, slug string) string { return detail(lang, what, slug) },
		"check":  func(s string) string { return word(lang, checkNames, s) },
		"point":  func(s string) string { return pointText(lang, s) },
		"reason": func(r session.Reason) string { return in(lang, Text(r.Words())) },
		"state":  func(s string) string { return in(lang, stateWord(session.State(s))) },
		"list":   func(l []string) string { return strings.Join(l, ", ") },
		"roomname": func(id string) string {
			return h.roomName(id)
		},
	}
}

func float(x any) float64 {
	switch x := x.(type) {
	case float64:
		return x
	case float32:
		return float64(x)
	case int:
		return float64(x)
	case int64:
		return float64(x)
	}
	return 0
}

// word returns the words for a slug, the slug with spaces if there are none.
func word(lang string, in2 map[string]Text, slug string) string {
	if t, ok := in2[slug]; ok {
		return in(lang, t)
	}
	return strings.ReplaceAll(slug, "-", " ")
}

// pointText names a point of the handover.
func pointText(lang, slug string) string {
	if t, ok := pointNames[slug]; ok {
		return in(lang, t)
	}
	if t := report.PointText(slug); t.DE != slug {
		return t.In(lang)
	}
	return strings.ReplaceAll(slug, "-", " ")
}

// detail gives the words for a detail of the audit trail.
func detail(lang, what, slug string) string {
	if t, ok := details[slug]; ok {
		return in(lang, t)
	}
	switch {
	case what == "alarm.answered":
		verdict, reason, _ := strings.Cut(slug, "/")
		for _, r := range alarm.Reasons(alarm.Verdict(verdict)) {
			if r.Slug == reason {
				return alarm.Verdict(verdict).Text(lang) + ": " + r.Text(lang)
			}
		}
	case strings.HasPrefix(what, "session."):
		return in(lang, Text(session.Reason(slug).Words()))
	case access.Role(slug).Valid():
		return roleText(lang, access.Role(slug))
	}
	return slug
}

// stateWord names a state without its room's particulars.
func stateWord(s session.State) Text {
	a := session.Look(session.Report{State: s}, time.UTC)
	if s == session.Planned {
		return Text{DE: "Nichtöffentlicher Teil geplant", EN: "Closed part planned"}
	}
	return Text(a.Word)
}

func (h *Handler) roomName(id string) string {
	if n, ok := h.Rooms[id]; ok {
		return n
	}
	words := strings.Split(id, "-")
	for i, w := range words {
		if w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, " ")
}
