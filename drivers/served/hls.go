package served

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Playlist is what RFC 8216 says of a stream, as far as it tells whether it is live.
type Playlist struct {
	Master   bool
	Variant  string        // address of the first variant of a master playlist
	Sequence int64         // of the first segment (EXT-X-MEDIA-SEQUENCE)
	Segments int           //
	Last     string        // address of the last segment or part
	Target   time.Duration // EXT-X-TARGETDURATION
	Ended    bool          // EXT-X-ENDLIST
}

var errPlaylist = errors.New("served: not a playlist")

const maxTarget = time.Minute

// ParsePlaylist reads a playlist. Tags that it does not know are passed over, as section 6.3.1 asks.
func ParsePlaylist(b []byte) (p Playlist, err error) {
	s := bufio.NewScanner(bytes.NewReader(b))
	s.Buffer(make([]byte, 0, 4096), maxBody)
	if !s.Scan() || strings.TrimRight(s.Text(), "\r") != "#EXTM3U" {
		return p, errPlaylist
	}
	variant := false
	for s.Scan() {
		line := strings.TrimRight(s.Text(), "\r")
		tag, value, _ := strings.Cut(line, ":")
		switch {
		case tag == "#EXT-X-STREAM-INF":
			p.Master, variant = true, true
		case tag == "#EXT-X-TARGETDURATION":
			d, err := strconv.ParseFloat(value, 64)
			if err != nil || !(d > 0) || d > maxTarget.Seconds() {
				return p, errPlaylist
			}
			p.Target = time.Duration(math.Ceil(d)) * time.Second
		case tag == "#EXT-X-MEDIA-SEQUENCE":
			if p.Sequence, err = strconv.ParseInt(value, 10, 64); err != nil || p.Sequence < 0 {
				return p, errPlaylist
			}
		case tag == "#EXT-X-PART":
			p.Last = value
		case line == "#EXT-X-ENDLIST":
			p.Ended = true
		case line == "" || strings.HasPrefix(line, "#"):
		case variant:
			if p.Variant == "" {
				p.Variant = line
			}
			variant = false
		default:
			p.Segments++
			p.Last = line
		}
	}
	if s.Err() != nil || p.Master && p.Variant == "" || !p.Master && p.Target == 0 {
		return p, errPlaylist
	}
	return p, nil
}

// movement remembers how far a playlist was.
type movement struct {
	seen     bool
	sequence int64
	count    int
	last     string
	at       time.Time // since when it stands there
	moved    bool      // it has moved at all since it was looked at first
}

// take compares a playlist with what was seen before. It moves: on. It has not moved for three times the length of a
// segment: off. Before that nothing is concluded from standing still, unless it moved just before.
func (m *movement) take(now time.Time, p Playlist) Answer {
	switch {
	case p.Ended:
		*m = movement{}
		return Answer{Off, "hls-ended"}
	case !m.seen:
		*m = movement{seen: true, sequence: p.Sequence, count: p.Segments, last: p.Last, at: now}
		return Answer{Unknown, "hls-first-look"}
	case p.Sequence != m.sequence || p.Segments != m.count || p.Last != m.last:
		*m = movement{seen: true, sequence: p.Sequence, count: p.Segments, last: p.Last, at: now, moved: true}
		return Answer{On, "hls-moves"}
	case now.Sub(m.at) >= 3*p.Target:
		m.moved = false
		return Answer{Off, "hls-stands"}
	case m.moved:
		return Answer{On, "hls-moves"}
	}
	return Answer{Unknown, "hls-first-look"}
}

func (l *Look) hls(ctx context.Context, now time.Time) Answer {
	p, a := l.playlist(ctx, l.url)
	if a.State == On && p.Master {
		v, err := l.url.Parse(p.Variant)
		if err != nil || v.Host != l.url.Host || v.Scheme != l.url.Scheme || v.User != nil { // never led elsewhere
			return Answer{Unknown, "hls-elsewhere"}
		}
		p, a = l.playlist(ctx, v)
	}
	switch {
	case a.State != On:
		l.list = movement{}
		return a
	case p.Master:
		return Answer{Unknown, "unreadable"}
	}
	return l.list.take(now, p)
}

// playlist fetches one playlist; On says that there is one.
func (l *Look) playlist(ctx context.Context, u *url.URL) (p Playlist, a Answer) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return p, Answer{Unknown, "unreadable"}
	}
	resp, err := l.client.Do(req)
	if err != nil {
		return p, failed(err)
	}
	defer resp.Body.Close()
	switch code := resp.StatusCode; {
	case code == http.StatusNotFound || code == http.StatusGone:
		return p, Answer{Off, "hls-not-found"}
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return p, Answer{Unknown, "not-allowed"}
	case code != http.StatusOK:
		return p, Answer{Unknown, "http-" + strconv.Itoa(code)}
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil || len(b) > maxBody {
		return p, Answer{Unknown, "unreadable"}
	}
	if p, err = ParsePlaylist(b); err != nil {
		return p, Answer{Unknown, "unreadable"}
	}
	return p, Answer{On, ""}
}
