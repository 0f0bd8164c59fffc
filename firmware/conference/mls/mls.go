// Package mls reads what a delivery service without keys can see of MLS messages (RFC 9420): the headers of commits, key
// packages, application messages and welcomes, and which leaf belongs to whom. It verifies no signature and opens nothing.
package mls

import (
	"crypto"
	_ "crypto/sha256" // hashes of the suites
	_ "crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
)

// ErrForm is wrapped by every error of this package's parsers.
var ErrForm = errors.New("mls: not a message of the form")

// Wire formats and others of RFC 9420, section 17.
const (
	version10 = 1

	wirePublic     = 1
	wirePrivate    = 2
	wireWelcome    = 3
	wireKeyPackage = 5

	senderMember = 1

	contentApplication = 1
	contentCommit      = 3

	proposalAdd    = 1
	proposalUpdate = 2
	proposalRemove = 3

	credentialBasic = 1
	credentialX509  = 2

	leafKeyPackage = 1
	leafUpdate     = 2
	leafCommit     = 3
)

// Suite is a cipher suite's number.
type Suite uint16

const (
	X25519 Suite = 0x0001 // MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519
	// XWing is MLS_256_XWING_AES256GCM_SHA512_Ed25519 by the number that ts-mls 1.6.4 gives it; IANA has assigned none.
	XWing Suite = 83
)

// Hash of the suite; 0 if it is not one of the two.
func (s Suite) Hash() crypto.Hash {
	switch s {
	case X25519:
		return crypto.SHA256
	case XWing:
		return crypto.SHA512
	}
	return 0
}

// reader goes through a message; after an error everything is empty.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrForm, what)
	}
	r.b = nil
}

func (r *reader) take(n uint64, what string) []byte {
	if r.err != nil || uint64(len(r.b)) < n {
		r.fail(what)
		return nil
	}
	out := r.b[:n:n]
	r.b = r.b[n:]
	return out
}

func (r *reader) u8(what string) uint8 {
	if b := r.take(1, what); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u16(what string) uint16 {
	if b := r.take(2, what); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) u32(what string) uint32 {
	if b := r.take(4, what); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) u64(what string) uint64 {
	if b := r.take(8, what); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// vec reads opaque<V>: its length has 1, 2 or 4 bytes, the fewest that do (section 2.1.2).
func (r *reader) vec(what string) []byte {
	first := r.u8(what)
	n := uint64(first & 0x3f)
	switch first >> 6 {
	case 1:
		n = n<<8 | uint64(r.u8(what))
		if n < 1<<6 {
			r.fail(what)
		}
	case 2:
		n = n<<8 | uint64(r.u8(what))
		n = n<<16 | uint64(r.u16(what))
		if n < 1<<14 {
			r.fail(what)
		}
	case 3:
		r.fail(what)
	}
	return r.take(n, what)
}

func (r *reader) end(what string) {
	if r.err == nil && len(r.b) > 0 {
		r.fail(fmt.Sprintf("%d bytes after %s", len(r.b), what))
	}
}

// open reads the beginning of an MLSMessage.
func open(b []byte, wire uint16, what string) *reader {
	r := &reader{b: b}
	if r.u16("version") != version10 {
		r.fail("version is not mls10")
	}
	if r.u16("wire format") != wire {
		r.fail("is no " + what)
	}
	return r
}

// leaf is what is needed of a LeafNode (section 7.2).
type leaf struct {
	key, identity []byte
}

func (r *reader) leaf(source uint8) (l leaf) {
	r.vec("encryption key")
	l.key = r.vec("signature key")
	switch r.u16("credential") {
	case credentialBasic:
		l.identity = r.vec("identity")
	case credentialX509:
		r.vec("certificates")
	default:
		r.fail("unknown credential")
	}
	for _, what := range []string{"versions", "cipher suites", "extensions", "proposals", "credentials"} {
		r.vec(what)
	}
	got := r.u8("leaf source")
	if r.err == nil && got != source {
		r.fail("leaf node is of another source")
	}
	switch got {
	case leafKeyPackage:
		r.u64("not before")
		r.u64("not after")
	case leafCommit:
		r.vec("parent hash")
	}
	r.vec("leaf extensions")
	r.vec("leaf signature")
	return l
}

// KeyPackage is what is needed of one (section 10).
type KeyPackage struct {
	Suite    Suite
	Raw      []byte // the KeyPackage, without the MLSMessage around it
	Key      []byte // signature key of the leaf
	Identity []byte // of its BasicCredential
}

func (r *reader) keyPackage() (k KeyPackage) {
	start := r.b
	if r.u16("key package's version") != version10 {
		r.fail("key package's version")
	}
	k.Suite = Suite(r.u16("cipher suite"))
	r.vec("init key")
	l := r.leaf(leafKeyPackage)
	k.Key, k.Identity = l.key, l.identity
	r.vec("key package's extensions")
	r.vec("key package's signature")
	k.Raw = start[:len(start)-len(r.b)]
	return k
}

// ParseKeyPackage reads an MLSMessage(KeyPackage).
func ParseKeyPackage(b []byte) (KeyPackage, error) {
	r := open(b, wireKeyPackage, "key package")
	k := r.keyPackage()
	r.end("the key package")
	if r.err != nil {
		return KeyPackage{}, r.err
	}
	return k, nil
}

// Ref is the key package's reference (section 5.2); nil for a suite that is not known here.
func (k KeyPackage) Ref() []byte {
	hash := k.Suite.Hash()
	if hash == 0 {
		return nil
	}
	const label = "MLS 1.0 KeyPackage Reference"
	h := hash.New()
	h.Write(append([]byte{byte(len(label))}, label...))
	h.Write(appendLength(nil, len(k.Raw)))
	h.Write(k.Raw)
	return h.Sum(nil)
}

func appendLength(dst []byte, n int) []byte {
	switch {
	case n < 1<<6:
		return append(dst, byte(n))
	case n < 1<<14:
		return binary.BigEndian.AppendUint16(dst, 1<<14|uint16(n))
	}
	return binary.BigEndian.AppendUint32(dst, 2<<30|uint32(n))
}

// Commit is what is needed of a PublicMessage with a Commit of a member (sections 6 and 12.4).
type Commit struct {
	Group   []byte
	Epoch   uint64
	Sender  int    // leaf
	Data    []byte // authenticated data
	Adds    []KeyPackage
	Removes []int
}

// ErrProposal says that a commit has proposals by reference, or others than add and remove.
var ErrProposal = errors.New("a commit here has add and remove proposals by value, and no others")

// ParseCommit reads an MLSMessage(PublicMessage) that holds a member's commit.
func ParseCommit(b []byte) (Commit, error) {
	r := open(b, wirePublic, "public message")
	var c Commit
	c.Group, c.Epoch = r.vec("group"), r.u64("epoch")
	if r.u8("sender") != senderMember {
		r.fail("sender is no member")
	}
	sender := r.u32("sender's leaf")
	c.Data = r.vec("authenticated data")
	if r.u8("content") != contentCommit {
		r.fail("content is no commit")
	}
	list := &reader{b: r.vec("proposals"), err: r.err}
	for len(list.b) > 0 && list.err == nil {
		list.proposal(&c)
	}
	if list.err != nil {
		return Commit{}, list.err
	}
	switch r.u8("path") {
	case 0:
	case 1:
		r.leaf(leafCommit)
		r.vec("path's nodes")
	default:
		r.fail("path")
	}
	r.vec("signature")
	r.vec("confirmation tag")
	r.vec("membership tag")
	r.end("the commit")
	if r.err == nil && sender >= MaxLeaves {
		r.fail("sender's leaf is too far right")
	}
	if r.err != nil {
		return Commit{}, r.err
	}
	c.Sender = int(sender)
	return c, nil
}

func (r *reader) proposal(c *Commit) {
	if r.u8("proposal") != 1 {
		r.err = errors.Join(r.err, fmt.Errorf("%w: %w", ErrForm, ErrProposal))
		return
	}
	switch r.u16("proposal's type") {
	case proposalAdd:
		if k := r.keyPackage(); r.err == nil {
			c.Adds = append(c.Adds, k)
		}
	case proposalRemove:
		n := r.u32("removed leaf")
		if n >= MaxLeaves {
			r.fail("removed leaf is too far right")
		}
		c.Removes = append(c.Removes, int(n))
	default:
		r.err = errors.Join(r.err, fmt.Errorf("%w: %w", ErrForm, ErrProposal))
	}
}

// Private is what is needed of an application message (section 6.3).
type Private struct {
	Group []byte
	Epoch uint64
}

// ParseApplication reads an MLSMessage(PrivateMessage) with application content.
func ParseApplication(b []byte) (Private, error) {
	r := open(b, wirePrivate, "private message")
	p := Private{Group: r.vec("group"), Epoch: r.u64("epoch")}
	if r.u8("content") != contentApplication {
		r.fail("content is no application message")
	}
	r.vec("authenticated data")
	r.vec("sender data")
	r.vec("ciphertext")
	r.end("the message")
	if r.err != nil {
		return Private{}, r.err
	}
	return p, nil
}

// ParseWelcome reads an MLSMessage(Welcome) and returns the references of the key packages that it is for (section 12.4.3.1).
func ParseWelcome(b []byte) (suite Suite, refs [][]byte, err error) {
	r := open(b, wireWelcome, "welcome")
	suite = Suite(r.u16("cipher suite"))
	list := &reader{b: r.vec("secrets"), err: r.err}
	for len(list.b) > 0 && list.err == nil {
		refs = append(refs, list.vec("new member"))
		list.vec("kem output")
		list.vec("ciphertext")
	}
	r.vec("group info")
	r.end("the welcome")
	if err := errors.Join(r.err, list.err); err != nil {
		return 0, nil, err
	}
	return suite, refs, nil
}
