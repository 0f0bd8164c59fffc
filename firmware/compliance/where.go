package compliance

import "time"

// Where says in German in which part of a session a moment lies.
func (f *Figures) Where(t time.Time) string {
	for i := range f.Sessions {
		s := &f.Sessions[i]
		if t.Before(s.Began) || !s.Ended.IsZero() && !t.Before(s.Ended) {
			continue
		}
		if s.Closed.IsZero() || t.Before(s.Closed) {
			return "während der Übergabe"
		}
		for _, in := range s.Interruptions {
			if !t.Before(in.At) && (in.Until.IsZero() || t.Before(in.Until)) {
				return "in einer Unterbrechung"
			}
		}
		return "im nichtöffentlichen Teil"
	}
	return "außerhalb einer Sitzung"
}
