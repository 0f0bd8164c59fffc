package served

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"strconv"
	"strings"
)

// Reply is the head of an answer in the manner of HTTP, as RTSP and SIP have it.
type Reply struct {
	Protocol string // RTSP/1.0, SIP/2.0
	Code     int
	Header   textproto.MIMEHeader
}

const (
	maxHead = 8 << 10
	maxBody = 64 << 10
)

var errReply = errors.New("served: not an answer")

// readReply reads the head of an answer.
func readReply(r *bufio.Reader, protocol string) (Reply, error) {
	t := textproto.NewReader(r)
	line, err := t.ReadLine()
	if err != nil {
		return Reply{}, fmt.Errorf("served: %w", err)
	}
	p, rest, _ := strings.Cut(line, " ")
	digits, _, _ := strings.Cut(rest, " ")
	code, err := strconv.Atoi(digits)
	if p != protocol || err != nil || len(digits) != 3 || code < 100 || code > 699 {
		return Reply{}, fmt.Errorf("%w: %.60q", errReply, line)
	}
	h, err := t.ReadMIMEHeader()
	if err != nil {
		return Reply{}, fmt.Errorf("served: header: %w", err)
	}
	return Reply{Protocol: p, Code: code, Header: h}, nil
}

// ParseReply reads the head of a SIP answer out of a datagram.
func ParseReply(b []byte) (Reply, error) {
	return readReply(bufio.NewReaderSize(bytes.NewReader(b[:min(len(b), maxHead)]), maxHead), "SIP/2.0")
}

func (l *Look) rtsp(ctx context.Context) Answer {
	c, done, err := l.dial(ctx, "tcp")
	if err != nil {
		return failed(err)
	}
	defer done()
	return describe(c, l.url.String())
}

// describe asks for the options first, as players do, and then for the description of what is served.
func describe(c io.ReadWriter, address string) Answer {
	var last Reply
	r := bufio.NewReader(io.LimitReader(c, 2*(maxHead+maxBody)))
	for i, method := range []string{"OPTIONS", "DESCRIBE"} {
		if _, err := fmt.Fprintf(c, "%s %s RTSP/1.0\r\nCSeq: %d\r\nUser-Agent: subrosa\r\nAccept: application/sdp\r\n\r\n", method, address, i+1); err != nil {
			return failed(err)
		}
		var err error
		switch last, err = readReply(r, "RTSP/1.0"); {
		case errors.Is(err, errReply):
			return Answer{Unknown, "unreadable"}
		case err != nil:
			return failed(err)
		}
		if last.Header.Get("Cseq") != strconv.Itoa(i+1) {
			return Answer{Unknown, "unreadable"}
		}
		if method == "OPTIONS" && !skip(r, last) {
			return Answer{Unknown, "unreadable"}
		}
	}
	switch {
	case last.Code == 200 && strings.HasPrefix(last.Header.Get("Content-Type"), "application/sdp"):
		return Answer{On, "rtsp-described"}
	case last.Code == 404, last.Code == 410, last.Code == 454:
		return Answer{Off, "rtsp-not-found"}
	case last.Code == 401, last.Code == 403:
		return Answer{Unknown, "not-allowed"}
	}
	return Answer{Unknown, "rtsp-" + strconv.Itoa(last.Code)}
}

// skip reads over the body of an answer.
func skip(r *bufio.Reader, p Reply) bool {
	v := p.Header.Get("Content-Length")
	if v == "" {
		return true
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 0 || n > maxBody {
		return false
	}
	_, err = r.Discard(n)
	return err == nil
}

func (l *Look) sip(ctx context.Context) Answer {
	c, done, err := l.dial(ctx, "udp")
	if err != nil {
		return failed(err)
	}
	defer done()
	id := rand.Text()
	local := c.LocalAddr().String()
	ask := fmt.Sprintf("OPTIONS sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s;rport\r\nMax-Forwards: 1\r\nFrom: <sip:subrosa@%s>;tag=%s\r\n"+
		"To: <sip:%s>\r\nCall-ID: %s\r\nCSeq: 1 OPTIONS\r\nContact: <sip:subrosa@%s>\r\nAccept: application/sdp\r\nContent-Length: 0\r\n\r\n",
		l.url.Host, local, id, local, id[:8], l.url.Host, id, local)
	if _, err := io.WriteString(c, ask); err != nil {
		return failed(err)
	}
	b := make([]byte, maxHead)
	for range 16 { // others may answer what was never asked
		n, err := c.Read(b)
		if err != nil {
			return failed(err)
		}
		p, err := ParseReply(b[:n])
		if err == nil && p.Header.Get("Call-Id") == id && p.Code >= 200 {
			return sipAnswer(p.Code)
		}
	}
	return Answer{Unknown, "unreadable"}
}

// sipAnswer reads the code as section 11.2 has it: it is the one that a call would get.
func sipAnswer(code int) Answer {
	switch code {
	case 200:
		return Answer{Unknown, "sip-ready"}
	case 486, 600:
		return Answer{On, "sip-busy"}
	}
	return Answer{Unknown, "sip-" + strconv.Itoa(code)}
}
