package roster

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// columns of the CSV file, in this order, as its first line says.
var columns = []string{"id", "role", "devices", "from", "to"}

// MaxCSV is the largest CSV file that is read, in bytes.
const MaxCSV = 4 << 20

// ReadCSV reads members from UTF-8 CSV with the columns id,role,devices,from,to, separated by commas, or by
// semicolons as German spreadsheets write them. Devices are separated by spaces; from and to are RFC 3339 times
// or dates (2026-11-21, that day's midnight in loc, to being the last day); both may be empty.
//
// Reading is strict and all or nothing: the error names every bad line. Surplus columns are refused, for they
// are where names and addresses would come in.
func ReadCSV(r io.Reader, loc *time.Location) ([]Member, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxCSV+1))
	if err != nil {
		return nil, fmt.Errorf("roster: csv: %w", err)
	}
	if len(b) > MaxCSV {
		return nil, fmt.Errorf("roster: csv: larger than %d bytes", MaxCSV)
	}
	text := strings.TrimPrefix(string(b), "\ufeff") // spreadsheets put a byte order mark
	head, _, _ := strings.Cut(text, "\n")
	in := csv.NewReader(strings.NewReader(text))
	in.FieldsPerRecord = -1 // checked here, to name the line in our words
	if strings.Contains(head, ";") {
		in.Comma = ';'
	}
	row, err := in.Read()
	if err == io.EOF {
		return nil, errors.New("roster: csv: empty file; the first line is " + strings.Join(columns, ","))
	}
	if err != nil {
		return nil, fmt.Errorf("roster: csv: %w", err)
	}
	if !slices.Equal(row, columns) {
		return nil, fmt.Errorf("roster: csv: line 1 is not %s", strings.Join(columns, ","))
	}
	return readRows(in, loc)
}

// maxErrors is how many bad lines are named.
const maxErrors = 20

func readRows(in *csv.Reader, loc *time.Location) ([]Member, error) {
	var members []Member
	var errs []error
	lines := map[string]int{}
	for len(errs) < maxErrors && len(members) <= MaxMembers {
		row, err := in.Read()
		if err == io.EOF {
			break
		}
		if err != nil { // the reader cannot go on after a broken quotation
			errs = append(errs, fmt.Errorf("roster: csv: %w", err))
			break
		}
		line, _ := in.FieldPos(0)
		m, err := readRow(row, loc)
		if err == nil {
			if first, twice := lines[m.ID]; twice {
				err = fmt.Errorf("%s is in line %d already", m.ID, first)
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("roster: csv: line %d: %w", line, err))
			continue
		}
		lines[m.ID] = line
		members = append(members, m)
	}
	if len(members) > MaxMembers {
		errs = append(errs, fmt.Errorf("roster: csv: %w: more than %d members", ErrFull, MaxMembers))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return members, nil
}

func readRow(row []string, loc *time.Location) (m Member, err error) {
	if len(row) != len(columns) {
		return m, fmt.Errorf("has %d columns, want %d", len(row), len(columns))
	}
	m = Member{ID: row[0], Role: Role(row[1]), Devices: strings.Fields(row[2])}
	if m.From, err = readTime(row[3], loc, 0); err != nil {
		return m, fmt.Errorf("from: %w", err)
	}
	if m.To, err = readTime(row[4], loc, 1); err != nil {
		return m, fmt.Errorf("to: %w", err)
	}
	if len(m.Devices) == 0 {
		m.Devices = nil
	}
	return m, m.Validate()
}

// readTime reads a time or a date; of a date it returns the midnight that is plus days later.
func readTime(s string, loc *time.Location, plus int) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	t, err := time.ParseInLocation(time.DateOnly, s, loc)
	if err == nil {
		t = t.AddDate(0, 0, plus)
	} else {
		t, err = time.Parse(time.RFC3339, s)
	}
	if err != nil || t.Year() < 2000 || t.Year() > 9998 {
		return time.Time{}, errors.New("no date (2026-11-21) and no time (2026-11-21T18:30:00+01:00)")
	}
	return t, nil
}
