package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
	"unicode/utf16"

	"golang.org/x/sys/unix"
)

// capture judges every packet that this network namespace sends, from the link up (AF_PACKET; needs CAP_NET_RAW), as it comes: a long
// call is more than memory holds. browser/capture.spec.mjs runs it where nothing else is on the network. Loopback has a socket of its own,
// so that its many packets cannot push one out that goes elsewhere.
type capture struct {
	s       *testServer
	fds     map[string]int // by interface
	secrets []string

	mu    sync.Mutex
	judge *judge
}

type sniffed struct {
	protocol uint16 // of the link: IPv4, IPv6, ARP
	b        []byte // from the network header on
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }

func (c *capture) open() error {
	all, err := net.Interfaces()
	if err != nil {
		return fmt.Errorf("capture: %w", err)
	}
	c.fds = map[string]int{}
	for _, i := range all {
		fd, err := sniff(i.Index)
		if err != nil {
			return fmt.Errorf("capture: %s: %w", i.Name, err)
		}
		c.fds[i.Name] = fd
		go c.read(fd)
	}
	return nil
}

// sniff opens a socket for what one interface sends.
func sniff(index int) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 64<<20) // as much as may be
	}
	outgoing := []unix.SockFilter{ // linux/filter.h: SKF_AD_OFF + SKF_AD_PKTTYPE
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0xfffff004},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: unix.PACKET_OUTGOING},
		{Code: unix.BPF_RET, K: 1 << 18},
		{Code: unix.BPF_RET, K: 0},
	}
	err = errors.Join(
		unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(outgoing)), Filter: &outgoing[0]}),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: index}))
	return fd, err
}

func (c *capture) read(fd int) {
	buf := make([]byte, 1<<17)
	for {
		n, from, err := unix.Recvfrom(fd, buf, 0)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return
		}
		if a, ok := from.(*unix.SockaddrLinklayer); ok {
			c.mu.Lock()
			c.judge.add(sniffed{htons(a.Protocol), buf[:n]})
			c.mu.Unlock()
		}
	}
}

func (c *capture) handle(m *http.ServeMux) {
	m.HandleFunc("POST /test/capture", func(w http.ResponseWriter, r *http.Request) {
		v, err := c.answer(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		json.NewEncoder(w).Encode(v)
	})
}

// answer says what was sent since the first time it was asked; body lists what must not be in plain sight, each time the same.
func (c *capture) answer(body io.Reader) (v verdict, err error) {
	var secrets []string
	if err := json.NewDecoder(body).Decode(&secrets); err != nil {
		return v, err
	}
	if c.fds == nil {
		if err := c.begin(secrets); err != nil {
			return v, err
		}
	}
	if !slices.Equal(secrets, c.secrets) {
		return v, fmt.Errorf("capture: what passed was not searched for %q", secrets)
	}
	c.mu.Lock()
	v = c.judge.verdict()
	c.mu.Unlock()
	v.Missed = map[string]int{}
	for name, fd := range c.fds {
		st, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
		if err != nil {
			return v, err
		}
		v.Missed[name] = int(st.Drops)
	}
	return v, nil
}

func (c *capture) begin(secrets []string) error {
	var own []netip.Addr
	addrs, err := net.InterfaceAddrs()
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, p.Addr())
		}
	}
	u, urlErr := url.Parse(c.s.url)
	if err := errors.Join(err, urlErr); err != nil {
		return err
	}
	page, err := strconv.Atoi(u.Port())
	if err != nil {
		return err
	}
	c.secrets, c.judge = secrets, newJudge(own, uint16(page), c.s.sfu.Addr().(*net.UDPAddr).AddrPort().Port(), secrets)
	return c.open()
}

// verdict is what a capture shows.
type verdict struct {
	Packets                     int
	Missed                      map[string]int // by interface
	Outside                     map[string]int // packets by where they went, beyond this machine
	Asked                       []string       // names asked for by DNS or mDNS, whomever
	Local                       map[string]int // packets by protocol and lower port, within this machine
	STUN, DTLS, RTP, TURN, Else int            // on the media port; TURN counts what is wrapped for the relay, which counts as what it is, too
	Bits                        float64        // of information in a byte of what is in RTP packets, 8 at most
	Starts                      int            // start codes of VP8 key frames in RTP packets
	Bytes                       int            // in RTP packets
	Found                       []string       // secrets that are in plain sight, in any packet or stream
}

// judge looks at one packet after the other.
type judge struct {
	own         []netip.Addr
	page, media uint16
	search      *search
	streams     map[string]*tail // the link, and each direction of a TCP connection
	seen        verdict
	hist        [256]int // bytes of RTP payload
}

func newJudge(own []netip.Addr, page, media uint16, secrets []string) *judge {
	return &judge{own: own, page: page, media: media, search: newSearch(secrets), streams: map[string]*tail{},
		seen: verdict{Outside: map[string]int{}, Local: map[string]int{}}}
}

func (j *judge) add(p sniffed) {
	v := &j.seen
	v.Packets++
	j.look("link", p.b)
	proto, from, to, body, ok := transport(p)
	if !ok {
		if p.protocol == unix.ETH_P_ARP {
			v.Outside["arp"]++
		} else if !link(p) && !slices.Contains(j.own, to.Addr()) && !to.Addr().IsLoopback() {
			v.Outside[fmt.Sprintf("protocol %#x/%d", p.protocol, proto)]++
		}
		return
	}
	if to.Port() == 53 || to.Port() == 5353 {
		v.Asked = append(v.Asked, question(body))
	}
	if !to.Addr().IsLoopback() && !slices.Contains(j.own, to.Addr()) {
		v.Outside[fmt.Sprintf("%s %v", names[proto], to)]++
		return
	}
	v.Local[fmt.Sprintf("%s %d", names[proto], port(from, to, j.page, j.media))]++
	if proto == unix.IPPROTO_TCP {
		j.look(from.String()+to.String(), body)
	} else if from.Port() == j.media || to.Port() == j.media {
		v.sort(body, &j.hist)
	}
}

// look searches what a stream goes on with.
func (j *judge) look(stream string, b []byte) {
	t := j.streams[stream]
	if t == nil {
		t = new(tail)
		j.streams[stream] = t
	}
	j.search.look(t, b)
}

// verdict on all until now.
func (j *judge) verdict() verdict {
	v := j.seen
	v.Outside, v.Local = maps.Clone(v.Outside), maps.Clone(v.Local)
	v.Asked = slices.Compact(slices.Sorted(slices.Values(v.Asked)))
	v.Found = j.search.found()
	if v.Asked == nil {
		v.Asked = []string{}
	}
	for _, n := range j.hist {
		if n > 0 {
			p := float64(n) / float64(v.Bytes)
			v.Bits -= p * math.Log2(p)
		}
	}
	return v
}

// search finds secrets in streams, in any spelling, across the borders of packets.
type search struct {
	secrets []string
	spelt   [][][]byte // of each
	there   []bool
	keep    int // bytes of a stream that a spelling may have begun in
}

// tail is the end of what a stream brought.
type tail []byte

func newSearch(secrets []string) *search {
	s := &search{secrets: secrets, there: make([]bool, len(secrets))}
	for _, secret := range secrets {
		x := spellings(secret)
		s.spelt = append(s.spelt, x)
		for _, b := range x {
			s.keep = max(s.keep, len(b)-1)
		}
	}
	return s
}

func (s *search) look(t *tail, b []byte) {
	all := append(*t, b...)
	for i, x := range s.spelt {
		s.there[i] = s.there[i] || slices.ContainsFunc(x, func(x []byte) bool { return bytes.Contains(all, x) })
	}
	*t = append((*t)[:0], all[max(0, len(all)-s.keep):]...)
}

func (s *search) found() []string {
	out := []string{}
	for i, there := range s.there {
		if there {
			out = append(out, s.secrets[i])
		}
	}
	return out
}

// sort tells what is on the media port by its first byte (RFC 7983).
func (v *verdict) sort(body []byte, hist *[256]int) {
	switch {
	case len(body) < 2:
		v.Else++
	case body[0] < 4:
		v.STUN++
	case body[0] >= 20 && body[0] < 64:
		v.DTLS++
	case body[0] >= 64 && body[0] < 80 && len(body) > 5: // ChannelData, RFC 8656, 12.4
		v.TURN++
		v.sort(body[4:], hist)
	case body[0] >= 128 && body[0] < 192 && body[1] >= 192 && body[1] < 224: // RTCP, RFC 5761
	case body[0] >= 128 && body[0] < 192:
		v.RTP++
		rest := body[min(len(body), rtpHeader(body)):]
		v.Bytes += len(rest)
		v.Starts += bytes.Count(rest, []byte{0x9d, 0x01, 0x2a})
		for _, x := range rest {
			hist[x]++
		}
	default:
		v.Else++
	}
}

var names = map[int]string{unix.IPPROTO_TCP: "tcp", unix.IPPROTO_UDP: "udp"}

// port is the server's of two, or the lower.
func port(from, to netip.AddrPort, page, media uint16) uint16 {
	for _, p := range []uint16{page, media} {
		if from.Port() == p || to.Port() == p {
			return p
		}
	}
	return min(from.Port(), to.Port())
}

// link tells what an interface says by itself when it goes up: neighbours and multicast groups of IPv6.
func link(p sniffed) bool {
	return p.protocol == unix.ETH_P_IPV6 && len(p.b) > 40 && (p.b[6] == unix.IPPROTO_ICMPV6 || p.b[6] == 0)
}

// transport reads a TCP or UDP packet.
func transport(p sniffed) (proto int, from, to netip.AddrPort, body []byte, ok bool) {
	b := p.b
	var src, dst netip.Addr
	switch {
	case p.protocol == unix.ETH_P_IP && len(b) >= 20 && len(b) >= int(b[0]&15)*4:
		proto = int(b[9])
		src, _ = netip.AddrFromSlice(b[12:16])
		dst, _ = netip.AddrFromSlice(b[16:20])
		if n := int(binary.BigEndian.Uint16(b[2:])); n >= 20 && n < len(b) {
			b = b[:n]
		}
		b = b[int(b[0]&15)*4:]
	case p.protocol == unix.ETH_P_IPV6 && len(b) >= 40:
		proto = int(b[6])
		src, _ = netip.AddrFromSlice(b[8:24])
		dst, _ = netip.AddrFromSlice(b[24:40])
		b = b[40:]
	default:
		return 0, from, to, nil, false
	}
	head := 8
	if proto == unix.IPPROTO_TCP && len(b) >= 20 {
		head = int(b[12]>>4) * 4
	} else if proto != unix.IPPROTO_UDP {
		return proto, from, netip.AddrPortFrom(dst, 0), nil, false
	}
	if len(b) < head {
		return proto, from, to, nil, false
	}
	return proto, netip.AddrPortFrom(src, binary.BigEndian.Uint16(b)), netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[2:])), b[head:], true
}

// rtpHeader is its length with contributors and extension (RFC 3550, 5.1).
func rtpHeader(b []byte) int {
	n := 12 + 4*int(b[0]&15)
	if b[0]&16 != 0 && len(b) >= n+4 {
		n += 4 + 4*int(binary.BigEndian.Uint16(b[n+2:]))
	}
	return n
}

// question is the first name that a DNS packet asks for.
func question(b []byte) string {
	out := ""
	for i := 12; i < len(b) && b[i] > 0 && b[i] < 64 && i+1+int(b[i]) <= len(b); i += 1 + int(b[i]) {
		out += string(b[i+1:i+1+int(b[i])]) + "."
	}
	return out
}

// spellings of a secret: UTF-8, UTF-16, and base64 at each of its three places, without the ends that depend on what is beside.
func spellings(s string) [][]byte {
	out := [][]byte{[]byte(s)}
	var wide []byte
	for _, u := range utf16.Encode([]rune(s)) {
		wide = binary.LittleEndian.AppendUint16(wide, u)
	}
	out = append(out, wide)
	for shift := range 3 {
		e := base64.RawStdEncoding.EncodeToString(append(make([]byte, shift), s...))
		out = append(out, []byte(e[(shift*8+5)/6:len(e)-2]))
	}
	return out
}

// judged is the verdict on packets of a machine whose pages are at port 8444 and media at 3478.
func judged(secrets []string, packets ...sniffed) verdict {
	j := newJudge(nil, 8444, 3478, secrets)
	for _, p := range packets {
		j.add(p)
	}
	return j.verdict()
}

// TestJudge: what must not be there is found if it is there, in every spelling.
func TestJudge(t *testing.T) {
	const secret = "Anna Musterfrau-Weber"
	udp := func(to [4]byte, port uint16, body []byte) sniffed {
		b := make([]byte, 28, 28+len(body))
		b[0], b[9] = 0x45, unix.IPPROTO_UDP
		binary.BigEndian.PutUint16(b[2:], uint16(28+len(body)))
		copy(b[12:], []byte{127, 0, 0, 1})
		copy(b[16:], to[:])
		binary.BigEndian.PutUint16(b[20:], 40000)
		binary.BigEndian.PutUint16(b[22:], port)
		return sniffed{unix.ETH_P_IP, append(b, body...)}
	}
	tcp := func(from uint16, body []byte) sniffed {
		b := make([]byte, 40, 40+len(body))
		b[0], b[9] = 0x45, unix.IPPROTO_TCP
		binary.BigEndian.PutUint16(b[2:], uint16(40+len(body)))
		copy(b[12:], []byte{127, 0, 0, 1})
		copy(b[16:], []byte{127, 0, 0, 1})
		binary.BigEndian.PutUint16(b[20:], from)
		binary.BigEndian.PutUint16(b[22:], 8444)
		b[32] = 5 << 4
		return sniffed{unix.ETH_P_IP, append(b, body...)}
	}
	here, there := [4]byte{127, 0, 0, 1}, [4]byte{8, 8, 8, 8}
	for i, x := range spellings(secret) {
		if v := judged([]string{secret, "nobody at all"}, udp(here, 9, append([]byte("xy"), x...))); len(v.Found) != 1 {
			t.Errorf("spelling %d: found %q", i, v.Found)
		}
		for cut := range len(x) { // over two packets of a connection, one of another between them
			a, other, b := tcp(40000, x[:cut]), tcp(40001, []byte("between")), tcp(40000, x[cut:])
			if v := judged([]string{secret}, a, other, b); len(v.Found) != 1 {
				t.Errorf("spelling %d, cut at %d: not found", i, cut)
			}
		}
	}
	for i := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte("abcdef"[:i] + secret + " and more"))
		if v := judged([]string{secret}, udp(here, 9, []byte(text))); len(v.Found) != 1 {
			t.Errorf("base64 at %d is not found", i)
		}
	}
	icmp := udp(here, 0, nil) // that a port is not there
	icmp.b[9] = unix.IPPROTO_ICMP
	ask := append(make([]byte, 12), "\x06google\x03com\x00"...)
	rtp := append([]byte{0x90, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xbe, 0xde, 0, 1, 0, 0, 0, 0}, bytes.Repeat([]byte{0x9d, 0x01, 0x2a}, 10)...)
	v := judged(nil, udp(there, 53, ask), udp(here, 3478, rtp), udp(here, 3478, []byte{22, 254, 253}), udp(here, 3478, []byte{0, 1}), udp(here, 3478, []byte("GET")), sniffed{unix.ETH_P_ARP, make([]byte, 28)}, icmp)
	if v.Outside["udp 8.8.8.8:53"] != 1 || v.Outside["arp"] != 1 || !slices.Equal(v.Asked, []string{"google.com."}) || v.RTP != 1 || v.DTLS != 1 || v.STUN != 1 || v.Else != 1 || v.Starts != 10 || v.Bytes != 30 || v.Bits > 2 || v.Local["udp 3478"] != 4 {
		t.Errorf("%+v", v)
	}
}
