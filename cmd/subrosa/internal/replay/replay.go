// Package replay looks through recordings with the detectors of the room unit and tells what it finds.
package replay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"subrosa/drivers/sdr"
	"subrosa/dsp/detect"
	"subrosa/dsp/detect/emitter"
)

var (
	// ErrUnread means that some input could not be read. Each has been told on Stderr; the others were done.
	ErrUnread = errors.New("replay: input could not be read")

	// ErrUsage is wrapped when the options do not fit together.
	ErrUsage = errors.New("wrong usage")
)

// Options say what to look through and how to tell it.
type Options struct {
	Paths    []string // files and folders
	Kinds    []detect.Kind
	Radio    sdr.Format // of radio recordings; goes before metadata and names
	Baseline []emitter.Known
	JSON     bool
	Plot     string // where pictures go: a file, a folder, or a name with %s; "" for none
	Lang     string // of findings: "de" or "en"
	Stdout   io.Writer
	Stderr   io.Writer
	Terminal bool // show progress on Stderr
	Now      func() time.Time
}

// run is one pass over all recordings.
type run struct {
	o        Options
	progress *progress
	plots    plotNames
	unread   bool
	files    int // read to the end
	findings int
	alarms   int
}

// Run looks through the recordings. It goes on after those that cannot be read and then returns ErrUnread; any other
// error means that results could not be written, that the options do not fit (ErrUsage), or that ctx ended.
func Run(ctx context.Context, o Options) error {
	in := expand(o.Paths)
	r := &run{o: o}
	var line io.Writer
	if o.Terminal {
		line = o.Stderr
	}
	r.progress = newProgress(line, o.Now, len(in.files))
	var err error
	if r.plots, err = newPlotNames(o.Plot, len(in.files)); err != nil {
		return err
	}
	for _, err := range in.errs {
		r.fail(err)
	}
	for _, path := range in.files {
		if err := r.file(ctx, path); err != nil {
			return err
		}
	}
	r.finish(in)
	if r.unread {
		return ErrUnread
	}
	return nil
}

// fail tells that an input could not be read.
func (r *run) fail(err error) {
	r.unread = true
	r.warn("%v", err)
}

// file looks through one recording and writes what was found.
func (r *run) file(ctx context.Context, path string) error {
	r.progress.next(path)
	h, err := r.listen(ctx, path)
	r.progress.clear()
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", path, context.Cause(ctx))
	}
	if err != nil {
		r.fail(err)
	} else {
		r.files++
	}
	if h == nil {
		return nil
	}
	if h.warning != "" {
		r.warn("%s: %s (%s)", path, say(r.o.Lang).truncated, h.warning)
	}
	if err := r.write(path, h); err != nil {
		return fmt.Errorf("findings: %w", err)
	}
	if r.o.Plot != "" {
		return r.plot(path, h)
	}
	return nil
}

// write writes the findings of a file and its coverage.
func (r *run) write(path string, h *heard) error {
	r.findings += len(h.findings)
	for _, f := range h.findings {
		if f.Alarm {
			r.alarms++
		}
	}
	if !r.o.JSON {
		if len(h.clauses) > 0 {
			fmt.Fprintf(r.o.Stderr, "%s: %s\n", path, cannot(h.clauses, r.o.Lang))
		}
		return writeLines(r.o.Stdout, h.findings, r.o.Lang, h.centre == 0)
	}
	e := json.NewEncoder(r.o.Stdout)
	e.SetEscapeHTML(false)
	for _, f := range h.findings {
		if err := e.Encode(f); err != nil {
			return err
		}
	}
	return e.Encode(fileCoverage{path, h.coverage})
}

// finish tells what was left out and, to people, what it came to.
func (r *run) finish(in inputs) {
	w := say(r.o.Lang)
	if in.skipped > 0 {
		r.warn(w.skipped, in.skipped)
	}
	if !r.o.JSON && len(in.files) > 0 {
		r.warn(w.summary, r.files, len(in.files), number(r.progress.seconds, 1, r.o.Lang), r.progress.speed(r.o.Now()), r.findings, r.alarms)
	}
}
