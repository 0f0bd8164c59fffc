package sfu

import "sync"

// cache keeps a layer's last packets, once for all who may ask for them again.
type cache struct {
	mu   sync.Mutex
	ring []packet
	bufs [][]byte
}

func (c *cache) init(video bool) {
	n := 64
	if video {
		n = 256
	}
	c.ring, c.bufs = make([]packet, n), make([][]byte, n)
}

// put keeps a packet; buffers are used again.
func (c *cache) put(p *packet) {
	c.mu.Lock()
	i := int(p.seq) % len(c.ring)
	c.bufs[i] = append(c.bufs[i][:0], p.payload...)
	c.ring[i] = *p
	c.ring[i].payload = c.bufs[i]
	c.mu.Unlock()
}

// get copies a packet's payload into dst.
func (c *cache) get(seq uint16, dst []byte) (p packet, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p = c.ring[int(seq)%len(c.ring)]
	if p.at.IsZero() || p.seq != seq || len(p.payload) > len(dst) {
		return packet{}, false
	}
	p.payload = dst[:copy(dst, p.payload)]
	return p, true
}
