package replay

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"subrosa/cmd/subrosa/internal/replay/picture"
	"subrosa/firmware/finding"
)

// plotNames gives every recording's picture a name of its own.
type plotNames struct {
	pattern string // with one %s, or the only name
	used    map[string]bool
}

// newPlotNames reads --plot: a folder (one that exists, or a name that ends in a slash), a name with %s for the
// recording's name, or, for a single recording, any other name.
func newPlotNames(plot string, files int) (plotNames, error) {
	p := plotNames{pattern: plot, used: make(map[string]bool)}
	info, err := os.Stat(plot)
	switch {
	case plot == "":
	case err == nil && info.IsDir(), strings.HasSuffix(plot, string(filepath.Separator)):
		if err := os.MkdirAll(plot, 0o755); err != nil {
			return p, fmt.Errorf("plot: %w", err)
		}
		p.pattern = filepath.Join(strings.ReplaceAll(plot, "%s", "%%s"), "%s.png")
	case strings.Count(plot, "%s") > 1:
		return p, fmt.Errorf("%w: --plot %q: one %%s is enough", ErrUsage, plot)
	case !strings.Contains(plot, "%s") && files > 1:
		return p, fmt.Errorf("%w: --plot %q is one picture, but there are %d recordings: give a folder, or a name with %%s", ErrUsage, plot, files)
	}
	return p, nil
}

// next returns the name of the picture of the recording at path. Recordings of one name in several folders get
// numbers.
func (p plotNames) next(path string) string {
	base := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	for i := 1; ; i++ {
		name := base
		if i > 1 {
			name = fmt.Sprintf("%s-%d", base, i)
		}
		name = strings.ReplaceAll(strings.Replace(p.pattern, "%s", name, 1), "%%s", "%s")
		if !p.used[name] || !strings.Contains(p.pattern, "%s") {
			p.used[name] = true
			return name
		}
	}
}

// plot draws the picture of a recording.
func (r *run) plot(path string, h *heard) error {
	for i := range h.pictures {
		for _, f := range h.findings {
			if f.Channel != h.pictures[i].Name {
				continue
			}
			label := finding.NameText(r.o.Lang, f.Kind, f.Name)
			if f.Name == "" || f.Name == "unknown" {
				label = finding.KindText(r.o.Lang, f.Kind)
			}
			h.pictures[i].Marks = append(h.pictures[i].Marks, picture.Mark{
				StartS: f.StartS, EndS: f.EndS, LoHz: f.Hz - f.BwHz/2, HiHz: f.Hz + f.BwHz/2, Label: label, Alarm: f.Alarm})
		}
	}
	name := r.plots.next(path)
	file, err := os.Create(name)
	if err != nil {
		return fmt.Errorf("plot: %w", err)
	}
	err = picture.Encode(file, picture.Page{Title: filepath.Base(path), Lang: r.o.Lang, Panels: h.pictures})
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("plot: %s: %w", name, err)
	}
	return nil
}
