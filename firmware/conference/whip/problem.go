package whip

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"subrosa/firmware/conference/level"
)

// problem is an answer of RFC 9457, for people in German first.
type problem struct {
	status  int
	slug    string
	text    level.Text
	seconds int // to wait
}

var (
	pRoom     = problem{http.StatusNotFound, "room", level.Text{DE: "In diesem Raum gibt es keine öffentliche Übertragung, oder diese ist beendet.", EN: "There are no public streams in this room, or this one has ended."}, 0}
	pMethod   = problem{http.StatusMethodNotAllowed, "method", level.Text{DE: "Diese Adresse ist für WHIP und WHEP: POST mit einem Angebot, PATCH und DELETE an die Adresse der Übertragung.", EN: "This address is for WHIP and WHEP: POST an offer, PATCH and DELETE at the stream's own address."}, 0}
	pBearer   = problem{http.StatusUnauthorized, "bearer", level.Text{DE: "Es fehlt der Schlüssel (Bearer-Token). Die Geschäftsstelle erstellt ihn auf der Seite „Einladungen“.", EN: "The bearer token is missing. The clerk makes one on the page of invitations."}, 0}
	pType     = problem{http.StatusUnsupportedMediaType, "type", level.Text{DE: "Erwartet wird application/sdp, bei PATCH application/trickle-ice-sdpfrag.", EN: "Want application/sdp, for PATCH application/trickle-ice-sdpfrag."}, 0}
	pLong     = problem{http.StatusRequestEntityTooLarge, "long", level.Text{DE: "Das Angebot ist zu lang.", EN: "The offer is too long."}, 0}
	pForm     = problem{http.StatusBadRequest, "form", level.Text{DE: "Das Angebot ist nicht lesbar. Erwartet wird je höchstens eine Ton- und eine Bildzeile in einer Richtung, mit mid und ICE-Kennung.", EN: "The offer cannot be read. Want at most one line of audio and one of video, one way, with mid and ICE credentials."}, 0}
	pCodecs   = problem{http.StatusNotAcceptable, "codecs", level.Text{DE: "Weitergegeben werden Opus und VP8, VP9 oder H.264 (packetization-mode 1), je einmal. Bitte stellen Sie den Encoder darauf ein.", EN: "Opus and VP8, VP9 or H.264 (packetization-mode 1) are forwarded, one of each. Please set the encoder to them."}, 0}
	pLevel    = problem{http.StatusForbidden, "level", level.Text{DE: "Die Sitzung ist nicht öffentlich: es wird nichts übertragen.", EN: "The session is not public: nothing is streamed."}, 0}
	pShut     = problem{http.StatusConflict, "not-open", level.Text{DE: "Die Sitzungsleitung hat die Übertragung nicht geöffnet.", EN: "The chair has not opened public streams."}, 10}
	pBusy     = problem{http.StatusConflict, "busy", level.Text{DE: "Es wird schon aus dem Saal gesendet. Ein zweiter Sender wird nicht angenommen.", EN: "The hall is being sent already. A second sender is not accepted."}, 10}
	pNone     = problem{http.StatusConflict, "nothing", level.Text{DE: "Es wird noch nichts aus dem Saal gesendet.", EN: "Nothing is sent from the hall yet."}, 5}
	pFull     = problem{http.StatusServiceUnavailable, "full", level.Text{DE: "Mehr gleichzeitige Zuschauer nimmt dieser Server nicht an.", EN: "This server takes no more players at once."}, 30}
	pRate     = problem{http.StatusTooManyRequests, "rate", level.Text{DE: "Zu viele Versuche. Bitte warten Sie.", EN: "Too many tries. Please wait."}, 0}
	pRestart  = problem{http.StatusUnprocessableEntity, "restart", level.Text{DE: "Ein Neustart von ICE wird nicht unterstützt: bitte beginnen Sie die Übertragung neu.", EN: "An ICE restart is not supported: please begin the stream anew."}, 0}
	pNoMatch  = problem{http.StatusPreconditionRequired, "if-match", level.Text{DE: "Es fehlt If-Match mit dem ETag der Übertragung.", EN: "If-Match with the stream's ETag is missing."}, 0}
	pMatch    = problem{http.StatusPreconditionFailed, "etag", level.Text{DE: "Das ETag ist nicht das dieser Übertragung.", EN: "The ETag is not that of this stream."}, 0}
	pFragment = problem{http.StatusBadRequest, "fragment", level.Text{DE: "Das SDP-Fragment ist nicht lesbar.", EN: "The SDP fragment cannot be read."}, 0}
)

// answer writes the problem.
func (p problem) answer(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if p.status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="subrosa"`)
	}
	if p.seconds > 0 {
		h.Set("Retry-After", strconv.Itoa(p.seconds))
	}
	w.WriteHeader(p.status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "about:blank", "status": p.status, "title": p.slug, "detail": p.text.DE + " / " + p.text.EN, "de": p.text.DE, "en": p.text.EN})
}

func (p problem) wait(d time.Duration) problem {
	p.seconds = int(d/time.Second) + 1
	return p
}
