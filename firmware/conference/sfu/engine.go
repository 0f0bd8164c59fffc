package sfu

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"

	"github.com/pion/webrtc/v4"
)

// Header extensions.
const (
	extMid      = "urn:ietf:params:rtp-hdrext:sdes:mid"
	extRid      = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
	extLevel    = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
	extSendTime = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
	extSequence = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
)

// Register negotiates Opus, VP8 and VP9 and nothing else: no RTX, RED or FEC, and none of the codecs whose packetisers look
// into frames.
func Register(m *webrtc.MediaEngine) error {
	cc := webrtc.RTCPFeedback{Type: "transport-cc"}
	video := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}, {Type: "goog-remb"}, cc}
	for _, c := range []struct {
		kind webrtc.RTPCodecType
		pt   webrtc.PayloadType
		cap  webrtc.RTPCodecCapability
	}{
		{webrtc.RTPCodecTypeAudio, 111, webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeOpus, ClockRate: 48000, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1;usedtx=1", RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, cc}}},
		{webrtc.RTPCodecTypeVideo, 96, webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP8, ClockRate: 90000, RTCPFeedback: video}},
		{webrtc.RTPCodecTypeVideo, 98, webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeVP9, ClockRate: 90000, SDPFmtpLine: "profile-id=0", RTCPFeedback: video}},
	} {
		if err := m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: c.cap, PayloadType: c.pt}, c.kind); err != nil {
			return err
		}
	}
	for uri, kinds := range map[string][]webrtc.RTPCodecType{
		extMid: {webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo}, extRid: {webrtc.RTPCodecTypeVideo}, extLevel: {webrtc.RTPCodecTypeAudio},
		extSendTime: {webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo}, extSequence: {webrtc.RTPCodecTypeAudio, webrtc.RTPCodecTypeVideo},
	} {
		for _, kind := range kinds {
			if err := m.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: uri}, kind); err != nil {
				return err
			}
		}
	}
	return nil
}

// registerPlain adds H.264, for public streams: encoders of halls often have nothing else. Their frames are plain.
func registerPlain(m *webrtc.MediaEngine) error {
	if err := Register(m); err != nil {
		return err
	}
	video := []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}, {Type: "goog-remb"}, {Type: "transport-cc"}}
	for i, profile := range []string{"42e01f", "42001f", "4d001f", "64001f"} { // constrained baseline, baseline, main, high
		c := webrtc.RTPCodecCapability{MimeType: webrtc.MimeTypeH264, ClockRate: 90000, SDPFmtpLine: "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=" + profile, RTCPFeedback: video}
		if err := m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: c, PayloadType: webrtc.PayloadType(102 + i)}, webrtc.RTPCodecTypeVideo); err != nil {
			return err
		}
	}
	return nil
}

// certificate is that of the server's DTLS: a new one with each start, known to clients by its fingerprint in the answer.
func certificate() (webrtc.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return webrtc.Certificate{}, err
	}
	c, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return webrtc.Certificate{}, err
	}
	return *c, nil
}
