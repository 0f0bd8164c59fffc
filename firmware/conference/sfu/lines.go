package sfu

import (
	"fmt"
	"strings"

	"github.com/pion/sdp/v3"

	"subrosa/firmware/conference/signal"
)

// line is what is needed of an m-line.
type line struct {
	mid                string
	video              bool
	sendonly, recvonly bool
	inactive           bool
}

type lines []line

// parseLines reads an offer's m-lines: audio and video, each one way.
func parseLines(b []byte) (lines, error) {
	var d sdp.SessionDescription
	if err := d.Unmarshal(b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrOffer, err)
	}
	var out lines
	seen := map[string]bool{}
	for _, m := range d.MediaDescriptions {
		l := line{}
		l.mid, _ = m.Attribute("mid")
		_, l.sendonly = m.Attribute("sendonly")
		_, l.recvonly = m.Attribute("recvonly")
		_, both := m.Attribute("sendrecv")
		_, l.inactive = m.Attribute("inactive")
		switch m.MediaName.Media {
		case "audio":
		case "video":
			l.video = true
		default:
			return nil, fmt.Errorf("%w: an m-line is %.20q, not audio or video", ErrOffer, m.MediaName.Media)
		}
		if l.mid == "" || seen[l.mid] || len(out) >= 256 {
			return nil, fmt.Errorf("%w: m-lines without a mid, with one that is there twice, or more than 256", ErrOffer)
		}
		if both || !l.sendonly && !l.recvonly && !l.inactive {
			return nil, fmt.Errorf("%w: m-line %.20q sends and receives; each goes one way here", ErrOffer, l.mid)
		}
		seen[l.mid] = true
		out = append(out, l)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%w: it has no m-line", ErrOffer)
	}
	return out, nil
}

// fit checks what the offer says of its m-lines.
func (ls lines) fit(o *signal.Offer) error {
	by := map[string]line{}
	for _, l := range ls {
		by[l.mid] = l
	}
	for _, s := range o.Send {
		if l := by[s.Mid]; !l.sendonly || l.video != s.Source.Video() {
			return fmt.Errorf("%w: send: m-line %.20q is not sendonly of that kind", ErrOffer, s.Mid)
		}
	}
	for _, r := range o.Receive {
		if !by[r.Mid].recvonly {
			return fmt.Errorf("%w: receive: m-line %.20q is not recvonly", ErrOffer, r.Mid)
		}
	}
	return nil
}

// direct replaces the direction of m-lines. pion stops for good what an offer once calls inactive, but here an m-line rests
// until it gets its next track: so pion reads it as recvonly, and the browser reads in the answer that it rests.
func direct(description string, mids map[string]bool, from, to string) string {
	if len(mids) == 0 {
		return description
	}
	sections := strings.SplitAfter(description, "\r\n")
	at, mid := -1, ""
	flush := func() {
		if at >= 0 && mids[mid] {
			sections[at] = "a=" + to + "\r\n"
		}
		at, mid = -1, ""
	}
	for i := range sections {
		switch l := strings.TrimSuffix(sections[i], "\r\n"); {
		case strings.HasPrefix(l, "m="):
			flush()
		case strings.HasPrefix(l, "a=mid:"):
			mid = l[len("a=mid:"):]
		case l == "a="+from:
			at = i
		}
	}
	flush()
	return strings.Join(sections, "")
}
