package whip

import (
	"errors"
	"fmt"
	"strings"

	"github.com/pion/sdp/v3"

	"subrosa/firmware/conference/signal"
)

// What is wrong with an offer.
var (
	ErrForm   = errors.New("whip: not an offer of audio and video with mid and ICE credentials")
	ErrCodecs = errors.New("whip: no codec of this server, or more than one picture or voice")
)

// maxSDP is the most bytes of an offer; a browser's with all its codecs has about 12 kB.
const maxSDP = 64 << 10

// Offer is what a device wants, as a call takes it.
type Offer struct {
	signal.Offer
	Ufrag string // ICE session of the device
}

// ReadOffer reads an offer: at most one audio and one video m-line, each with a codec that is forwarded (Opus; VP8, VP9, or H.264
// with packetisation mode 1). Devices that offer to go both ways, as they may, are taken at the one that is meant.
func ReadOffer(b []byte, publish bool) (Offer, error) {
	var d sdp.SessionDescription
	if len(b) > maxSDP {
		return Offer{}, fmt.Errorf("%w: %d bytes", ErrForm, len(b))
	}
	if err := d.Unmarshal(b); err != nil {
		return Offer{}, fmt.Errorf("%w: %w", ErrForm, err)
	}
	var o Offer
	o.Ufrag, _ = d.Attribute("ice-ufrag")
	seen := map[string]bool{}
	for _, m := range d.MediaDescriptions {
		kind := m.MediaName.Media
		if kind != "audio" && kind != "video" {
			return Offer{}, fmt.Errorf("%w: an m-line is %.20q", ErrForm, kind)
		}
		mid, _ := m.Attribute("mid")
		if u, ok := m.Attribute("ice-ufrag"); ok && o.Ufrag == "" {
			o.Ufrag = u
		}
		if mid == "" || len(mid) > 32 || seen[mid] || len(seen) == 16 {
			return Offer{}, fmt.Errorf("%w: m-lines without a mid, with one that is there twice, or more than 16", ErrForm)
		}
		seen[mid] = true
		used, err := direct(m, publish)
		if err != nil {
			return Offer{}, err
		}
		if !used {
			continue
		}
		if !forwards(m) || seen[kind+" "] {
			return Offer{}, fmt.Errorf("%w: %s", ErrCodecs, kind)
		}
		seen[kind+" "] = true
		if publish {
			source := signal.Microphone
			if kind == "video" {
				source = signal.Camera
			}
			o.Send = append(o.Send, signal.SendMid{Mid: mid, Source: source})
		}
	}
	if !seen["audio "] && !seen["video "] || o.Ufrag == "" || len(o.Ufrag) > 256 {
		return Offer{}, fmt.Errorf("%w: nothing to send or receive, or no ice-ufrag", ErrForm)
	}
	out, err := d.Marshal()
	if err != nil {
		return Offer{}, fmt.Errorf("%w: %w", ErrForm, err)
	}
	o.SDP = string(out)
	return o, nil
}

// direct makes an m-line one-way, and reports whether it is used: those that are inactive, or have port 0, are not.
func direct(m *sdp.MediaDescription, publish bool) (used bool, err error) {
	want, other := "recvonly", "sendonly"
	if publish {
		want, other = other, want
	}
	had := "sendrecv" // RFC 8866, 6.7: where nothing is said
	kept, bundled := m.Attributes[:0], false
	for _, a := range m.Attributes {
		switch a.Key {
		case "sendrecv", "sendonly", "recvonly", "inactive":
			had = a.Key
		case "bundle-only":
			bundled = true
		default:
			kept = append(kept, a)
		}
	}
	m.Attributes = kept
	if bundled && m.MediaName.Port.Value == 0 { // RFC 9143, 6: goes with the others, and is not off
		m.MediaName.Port.Value = 9
	}
	switch {
	case had == other:
		return false, fmt.Errorf("%w: an m-line is %s, want %s", ErrForm, had, want)
	case had == "inactive" || m.MediaName.Port.Value == 0:
		want = "inactive"
	}
	m.Attributes = append(m.Attributes, sdp.Attribute{Key: want})
	return want != "inactive", nil
}

// forwards reports whether an m-line has a codec that is forwarded.
func forwards(m *sdp.MediaDescription) bool {
	whole := map[string]bool{} // H.264 payload types with packetisation mode 1
	names := map[string]string{}
	for _, a := range m.Attributes {
		pt, rest, _ := strings.Cut(a.Value, " ")
		switch a.Key {
		case "rtpmap":
			name, _, _ := strings.Cut(rest, "/")
			names[pt] = strings.ToLower(name)
		case "fmtp":
			whole[pt] = strings.Contains(rest, "packetization-mode=1")
		}
	}
	for pt, name := range names {
		switch {
		case m.MediaName.Media == "audio" && name == "opus",
			m.MediaName.Media == "video" && (name == "vp8" || name == "vp9"),
			m.MediaName.Media == "video" && name == "h264" && whole[pt]:
			return true
		}
	}
	return false
}
