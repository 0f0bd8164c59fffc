package page

import (
	"fmt"

	"subrosa/firmware/report"
	"subrosa/firmware/wall"
)

// meetingView is the room's conference as it says of itself, in the wall's words.
type meetingView struct {
	Lines   []string
	Fives   []string // of the room code; none: there is none to compare
	By      string   // whose device told it
	Program string   // checksum of the program that browsers get: its beginning
	Whole   string   // and all of it
}

func newMeetingView(lang string, c *report.Conference) *meetingView {
	if c == nil {
		return nil
	}
	w := &wall.Call{State: c.State, Level: c.Level, Seats: c.Seats, Code: c.CodeLabel, Bundle: c.Bundle}
	v := &meetingView{}
	for _, t := range w.Lines() {
		v.Lines = append(v.Lines, in(lang, Text(t)))
	}
	if len(v.Lines) == 0 {
		line := in(lang, texts["meeting."+c.State])
		if c.State == "idle" {
			line = fmt.Sprintf(line, in(lang, Text(w.LevelText())))
		}
		v.Lines = append(v.Lines, line)
	}
	for _, file := range c.Kept {
		v.Lines = append(v.Lines, fmt.Sprintf(in(lang, texts["meeting.kept"]), in(lang, texts["meeting.kept."+file])))
	}
	if k := w.Key(); k != nil {
		v.Fives, v.By = k.Fives, in(lang, Text(k.By))
	}
	v.Program, v.Whole = w.Program()
	return v
}
