package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// capture keeps every packet that this network namespace sends, from the link up (AF_PACKET; needs CAP_NET_RAW), and judges them.
// browser/capture.spec.mjs runs it where nothing else is on the network. Loopback has a socket of its own, so that its many packets
// cannot push one out that goes elsewhere.
type capture struct {
	s   *testServer
	fds map[string]int // by interface

	mu      sync.Mutex
	packets []sniffed
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
			c.packets = append(c.packets, sniffed{htons(a.Protocol), bytes.Clone(buf[:n])})
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

// answer judges what was sent since the first time it was asked; body lists what must not be in plain sight.
func (c *capture) answer(body io.Reader) (v verdict, err error) {
	if c.fds == nil {
		if err := c.open(); err != nil {
			return v, err
		}
	}
	var secrets []string
	if err := json.NewDecoder(body).Decode(&secrets); err != nil {
		return v, err
	}
	own := []netip.Addr{}
	addrs, err := net.InterfaceAddrs()
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			own = append(own, p.Addr())
		}
	}
	u, urlErr := url.Parse(c.s.url)
	if err := errors.Join(err, urlErr); err != nil {
		return v, err
	}
	page, err := strconv.Atoi(u.Port())
	if err != nil {
		return v, err
	}
	c.mu.Lock()
	packets := slices.Clone(c.packets)
	c.mu.Unlock()
	v = judge(packets, own, uint16(page), c.s.sfu.Addr().(*net.UDPAddr).AddrPort().Port(), secrets)
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

func judge(packets []sniffed, own []netip.Addr, page, media uint16, secrets []string) verdict {
	v := verdict{Packets: len(packets), Outside: map[string]int{}, Local: map[string]int{}, Asked: []string{}, Found: []string{}}
	streams := map[string][]byte{}
	var hist [256]int
	for _, p := range packets {
		streams["link"] = append(streams["link"], p.b...)
		proto, from, to, body, ok := transport(p)
		if !ok {
			if p.protocol == unix.ETH_P_ARP {
				v.Outside["arp"]++
			} else if !link(p) && !slices.Contains(own, to.Addr()) && !to.Addr().IsLoopback() {
				v.Outside[fmt.Sprintf("protocol %#x/%d", p.protocol, proto)]++
			}
			continue
		}
		if to.Port() == 53 || to.Port() == 5353 {
			v.Asked = append(v.Asked, question(body))
		}
		if !to.Addr().IsLoopback() && !slices.Contains(own, to.Addr()) {
			v.Outside[fmt.Sprintf("%s %v", names[proto], to)]++
			continue
		}
		v.Local[fmt.Sprintf("%s %d", names[proto], port(from, to, page, media))]++
		if proto == unix.IPPROTO_TCP {
			key := from.String() + to.String()
			streams[key] = append(streams[key], body...)
			continue
		}
		if from.Port() == media || to.Port() == media {
			v.sort(body, &hist)
		}
	}
	for _, n := range hist {
		if n > 0 {
			p := float64(n) / float64(v.Bytes)
			v.Bits -= p * math.Log2(p)
		}
	}
	for _, secret := range secrets {
		if slices.ContainsFunc(spellings(secret), func(x []byte) bool {
			for _, s := range streams {
				if bytes.Contains(s, x) {
					return true
				}
			}
			return false
		}) {
			v.Found = append(v.Found, secret)
		}
	}
	slices.Sort(v.Asked)
	v.Asked = slices.Compact(v.Asked)
	return v
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
	here, there := [4]byte{127, 0, 0, 1}, [4]byte{8, 8, 8, 8}
	for i, x := range spellings(secret) {
		if v := judge([]sniffed{udp(here, 9, append([]byte("xy"), x...))}, nil, 8444, 3478, []string{secret, "nobody at all"}); len(v.Found) != 1 {
			t.Errorf("spelling %d: found %q", i, v.Found)
		}
	}
	for i := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte("abcdef"[:i] + secret + " and more"))
		if v := judge([]sniffed{udp(here, 9, []byte(text))}, nil, 8444, 3478, []string{secret}); len(v.Found) != 1 {
			t.Errorf("base64 at %d is not found", i)
		}
	}
	icmp := udp(here, 0, nil) // that a port is not there
	icmp.b[9] = unix.IPPROTO_ICMP
	ask := append(make([]byte, 12), "\x06google\x03com\x00"...)
	rtp := append([]byte{0x90, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0xbe, 0xde, 0, 1, 0, 0, 0, 0}, bytes.Repeat([]byte{0x9d, 0x01, 0x2a}, 10)...)
	v := judge([]sniffed{udp(there, 53, ask), udp(here, 3478, rtp), udp(here, 3478, []byte{22, 254, 253}), udp(here, 3478, []byte{0, 1}), udp(here, 3478, []byte("GET")), {unix.ETH_P_ARP, make([]byte, 28)}, icmp}, nil, 8444, 3478, nil)
	if v.Outside["udp 8.8.8.8:53"] != 1 || v.Outside["arp"] != 1 || !slices.Equal(v.Asked, []string{"google.com."}) || v.RTP != 1 || v.DTLS != 1 || v.STUN != 1 || v.Else != 1 || v.Starts != 10 || v.Bytes != 30 || v.Bits > 2 || v.Local["udp 3478"] != 4 {
		t.Errorf("%+v", v)
	}
}
