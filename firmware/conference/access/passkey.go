package access

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"subrosa/firmware/conference/binding"
	"subrosa/firmware/conference/level"
)

// user is a member as the library wants to see one. Names in authenticators are pseudonyms.
type user struct {
	name    string
	account Account
}

func (u user) WebAuthnID() []byte                         { return u.account.Handle }
func (u user) WebAuthnName() string                       { return u.name }
func (u user) WebAuthnDisplayName() string                { return u.name }
func (u user) WebAuthnCredentials() []webauthn.Credential { return u.account.Keys }

// What a ceremony is for.
const (
	enrolKey  = "enrol-key"
	enrolCode = "enrol-code"
	signIn    = "sign-in"
	bind      = "bind"
)

// pending is a ceremony that has begun. It ends once, whatever comes of it.
type pending struct {
	kind    string
	login   string // of the browser that began it; "" before signing in
	member  string
	session webauthn.SessionData
	secret  []byte
	claim   binding.Claim
	place   string // whence, before signing in
	until   time.Time
}

const (
	ceremonyLife  = 5 * time.Minute
	maxCeremonies = 4096
	maxOfAddress  = 512 // sign-ins that have begun, of one address: a town hall may be one
)

type ceremonies struct {
	mu sync.Mutex
	by map[string]pending
}

func (c *ceremonies) begin(now time.Time, p pending) (id string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]pending{}
	}
	if len(c.by) >= maxCeremonies {
		for k, p := range c.by {
			if !now.Before(p.until) {
				delete(c.by, k)
			}
		}
		if len(c.by) >= maxCeremonies {
			return "", ErrFull
		}
	}
	if p.place != "" && len(c.by) >= maxOfAddress {
		n := 0
		for _, o := range c.by {
			if o.place == p.place && now.Before(o.until) {
				n++
			}
		}
		if n >= maxOfAddress {
			return "", ErrFull
		}
	}
	id, p.until = newToken(), now.Add(ceremonyLife)
	c.by[id] = p
	return id, nil
}

func (c *ceremonies) peek(now time.Time, id, kind, login string) (pending, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.by[id]
	if !ok || p.kind != kind || p.login != login || !now.Before(p.until) {
		return pending{}, ErrCeremony
	}
	return p, nil
}

func (c *ceremonies) drop(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.by, id)
}

// take returns a ceremony and ends it.
func (c *ceremonies) take(now time.Time, id, kind, login string) (pending, error) {
	p, err := c.peek(now, id, kind, login)
	c.drop(id)
	return p, err
}

// algorithms of passkeys: what browsers' WebCrypto can verify, too.
var algorithms = []protocol.CredentialParameter{
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgRS256}, // older Windows
}

func (s *Service) user(member string) user {
	u := user{name: member}
	s.read(func(b *Book) {
		if a := b.Accounts[member]; a != nil {
			u.account = *a
			u.account.Keys = slices.Clone(a.Keys)
		}
	})
	return u
}

// NewKey begins to set up a passkey, for a login that may: one by an invite to enrol, or by a passkey.
func (s *Service) NewKey(id Identity) (*protocol.CredentialCreation, string, error) {
	if !id.OnRoster || !id.Enrol && !slices.Contains(id.Factors, level.PasskeyUsed) {
		return nil, "", ErrEnrol
	}
	u := s.user(id.Member)
	if len(u.account.Handle) == 0 {
		err := s.change(func(b *Book) error { u.account = *b.account(id.Member); return nil })
		if err != nil {
			return nil, "", err
		}
	}
	if len(u.account.Keys) >= maxKeys {
		return nil, "", ErrFull
	}
	options, session, err := s.auth.BeginRegistration(u, webauthn.WithCredentialParameters(algorithms),
		webauthn.WithExclusions(webauthn.Credentials(u.account.Keys).CredentialDescriptors()))
	if err != nil {
		return nil, "", fmt.Errorf("access: passkey: %w", err)
	}
	ceremony, err := s.cer.begin(s.now(), pending{kind: enrolKey, login: id.Login, member: id.Member, session: *session})
	return options, ceremony, err
}

// EnrolKey takes a new passkey on; the login counts as signed in by it.
func (s *Service) EnrolKey(id Identity, ceremony string, response []byte) error {
	c, err := s.cer.take(s.now(), ceremony, enrolKey, id.Login)
	if err != nil {
		return err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPasskey, err)
	}
	cred, err := s.auth.CreateCredential(s.user(c.member), c.session, parsed)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPasskey, err)
	}
	if _, err := jwk(cred.PublicKey); err != nil {
		return fmt.Errorf("%w: %w", ErrPasskey, err)
	}
	cred.Attestation = webauthn.CredentialAttestation{} // none was asked for; what came says which device it is
	cred.Authenticator.AAGUID = nil
	err = s.change(func(b *Book) error {
		a := b.account(c.member)
		if len(a.Keys) >= maxKeys {
			return ErrFull
		}
		for _, other := range b.Accounts {
			if slices.ContainsFunc(other.Keys, func(k webauthn.Credential) bool { return bytes.Equal(k.ID, cred.ID) }) {
				return ErrPasskey
			}
		}
		a.Keys = append(a.Keys, *cred)
		if err := b.raise(id, level.PasskeyUsed); err != nil {
			return err
		}
		b.Logins[id.Login].Key = cred.ID
		return nil
	})
	if err == nil {
		s.note(KindEnrolled, id.Room, note{Role: id.Role, How: level.PasskeyUsed})
	}
	return err
}

// SignIn begins to sign in by a passkey. Nobody says who they are: the authenticator offers what it has. An address that is locked
// for guessing may still do this: nobody guesses a signature, and a stranger in the hall's network must not lock out the council.
func (s *Service) SignIn(remote string) (*protocol.CredentialAssertion, string, error) {
	options, session, err := s.auth.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, "", fmt.Errorf("access: passkey: %w", err)
	}
	ceremony, err := s.cer.begin(s.now(), pending{kind: signIn, session: *session, place: place(remote)})
	return options, ceremony, err
}

// SignedIn ends a sign-in by a passkey and returns the cookie's value.
func (s *Service) SignedIn(ceremony string, response []byte) (cookie string, err error) {
	now := s.now()
	c, err := s.cer.take(now, ceremony, signIn, "")
	if err != nil {
		return "", err
	}
	member, cred, _, err := s.assert(c, response)
	if err != nil {
		return "", err
	}
	if !s.onAnyRoster(member) {
		return "", ErrRoster
	}
	err = s.change(func(b *Book) error {
		if err := b.used(member, cred); err != nil {
			return err
		}
		cookie, err = b.login(now, Login{Member: member, Factors: []level.Factor{level.PasskeyUsed}, Key: cred.ID})
		return err
	})
	if err != nil {
		return "", err
	}
	s.note(KindEntered, "", note{How: level.PasskeyUsed})
	return cookie, nil
}

// assert checks an assertion and returns whose it is. A counter that goes back means that the passkey was copied, or that
// somebody replays: it is refused, and so is the passkey from then on until the member sets up another.
func (s *Service) assert(c pending, response []byte) (member string, cred *webauthn.Credential, parsed *protocol.ParsedCredentialAssertionData, err error) {
	parsed, err = protocol.ParseCredentialRequestResponseBytes(response)
	if err != nil {
		return "", nil, nil, fmt.Errorf("%w: %w", ErrPasskey, err)
	}
	if c.member != "" {
		member = c.member
		cred, err = s.auth.ValidateLogin(s.user(member), c.session, parsed)
	} else {
		find := func(_, handle []byte) (webauthn.User, error) {
			s.read(func(b *Book) { member, _ = b.byHandle(handle) })
			if member == "" {
				return nil, ErrPasskey
			}
			return s.user(member), nil
		}
		cred, err = s.auth.ValidateDiscoverableLogin(find, c.session, parsed)
	}
	if err != nil {
		return "", nil, nil, fmt.Errorf("%w: %w", ErrPasskey, err)
	}
	if cred.Authenticator.CloneWarning {
		s.note(KindCloned, "", note{How: level.PasskeyUsed})
		err := s.change(func(b *Book) error { return b.used(member, cred) })
		return "", nil, nil, errors.Join(fmt.Errorf("%w: its counter went back", ErrPasskey), err)
	}
	return member, cred, parsed, nil
}

// used writes a passkey's counter and flags back. One that was once seen to be copied stays refused.
func (b *Book) used(member string, cred *webauthn.Credential) error {
	a := b.account(member)
	for i := range a.Keys {
		if bytes.Equal(a.Keys[i].ID, cred.ID) {
			a.Keys[i] = *cred
			return nil
		}
	}
	return ErrPasskey // taken away while it was used
}

// Bind begins to tie a leaf's signature key to an identity. With a passkey among its factors, the passkey is asked to sign the
// claim; otherwise token is the whole binding and there is nothing to end.
func (s *Service) Bind(id Identity, key []byte) (token string, options *protocol.CredentialAssertion, ceremony string, err error) {
	now := s.now()
	claim := binding.Claim{V: 1, Room: id.Room, Member: id.Member, Role: id.Role, Factors: id.Factors, Key: key, From: now.Unix(),
		To: min(now.Add(binding.MaxLife).Unix(), id.Ends.Unix()), Nonce: make([]byte, 16)}
	rand.Read(claim.Nonce)
	if !slices.Contains(id.Factors, level.PasskeyUsed) {
		payload, err := claim.Encode()
		if err != nil {
			return "", nil, "", err
		}
		token, err = binding.Sign(s.key, payload, nil)
		if err == nil {
			s.note(KindBound, id.Room, note{Role: id.Role})
		}
		return token, nil, "", err
	}
	// The claim names the passkey, so it must be known which one answers: that of the login.
	u := s.user(id.Member)
	i := slices.IndexFunc(u.account.Keys, func(k webauthn.Credential) bool { return bytes.Equal(k.ID, id.key) })
	if i < 0 {
		return "", nil, "", ErrPasskey
	}
	return s.bindBy(now, id, claim, u, u.account.Keys[i])
}

func (s *Service) bindBy(now time.Time, id Identity, claim binding.Claim, u user, cred webauthn.Credential) (string, *protocol.CredentialAssertion, string, error) {
	k, err := jwk(cred.PublicKey)
	if err != nil {
		return "", nil, "", err
	}
	claim.Passkey = k.Thumbprint()
	payload, err := claim.Encode()
	if err != nil {
		return "", nil, "", err
	}
	options, session, err := s.auth.BeginLogin(u, webauthn.WithChallenge(binding.Challenge(payload)), webauthn.WithUserVerification(protocol.VerificationRequired),
		webauthn.WithAllowedCredentials([]protocol.CredentialDescriptor{cred.Descriptor()}))
	if err != nil {
		return "", nil, "", fmt.Errorf("access: passkey: %w", err)
	}
	ceremony, err := s.cer.begin(now, pending{kind: bind, login: id.Login, member: id.Member, session: *session, claim: claim})
	return "", options, ceremony, err
}

// Bound ends what Bind began and returns the binding.
func (s *Service) Bound(id Identity, ceremony string, response []byte) (token string, err error) {
	c, err := s.cer.take(s.now(), ceremony, bind, id.Login)
	if err != nil {
		return "", err
	}
	if c.claim.Room != id.Room || c.claim.Role != id.Role {
		return "", ErrCeremony // the role has changed meanwhile
	}
	member, cred, parsed, err := s.assert(c, response)
	if err != nil {
		return "", err
	}
	if err := s.change(func(b *Book) error { return b.used(member, cred) }); err != nil {
		return "", err
	}
	payload, err := c.claim.Encode()
	if err != nil {
		return "", err
	}
	k, err := jwk(cred.PublicKey)
	if err != nil {
		return "", err
	}
	sig, err := webCryptoSignature(k, parsed.Response.Signature)
	if err != nil {
		return "", err
	}
	token, err = binding.Sign(s.key, payload, &binding.Proof{Key: k, Auth: parsed.Raw.AssertionResponse.AuthenticatorData,
		Client: parsed.Raw.AssertionResponse.ClientDataJSON, Sig: sig})
	if err != nil {
		return "", err
	}
	// What members will check, checked here first: a binding that they would refuse is an error now.
	if _, err := binding.Verify(token, binding.Want{Server: s.PublicKey(), Room: id.Room, Key: c.claim.Key, Origin: s.origin, Level: level.Confidential, Now: s.now()}); err != nil {
		return "", err
	}
	s.note(KindBound, id.Room, note{Role: id.Role, How: level.PasskeyUsed, Proven: true})
	return token, nil
}

// webCryptoSignature turns the DER that authenticators write for elliptic curves into r ‖ s.
func webCryptoSignature(k binding.JWK, sig []byte) ([]byte, error) {
	if k.Kty != "EC" {
		return sig, nil
	}
	var rs struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(sig, &rs)
	if err != nil || len(rest) > 0 || rs.R.Sign() <= 0 || rs.S.Sign() <= 0 || rs.R.BitLen() > 256 || rs.S.BitLen() > 256 {
		return nil, fmt.Errorf("%w: signature", ErrPasskey)
	}
	return append(rs.R.FillBytes(make([]byte, 32)), rs.S.FillBytes(make([]byte, 32))...), nil
}

// jwk reads a passkey's COSE key (RFC 9052).
func jwk(cose []byte) (binding.JWK, error) {
	parsed, err := webauthncose.ParsePublicKey(cose)
	if err != nil {
		return binding.JWK{}, fmt.Errorf("access: key of a passkey: %w", err)
	}
	var pub crypto.PublicKey
	switch k := parsed.(type) {
	case webauthncose.EC2PublicKeyData:
		e, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, k.XCoord...), k.YCoord...))
		if err != nil {
			return binding.JWK{}, fmt.Errorf("access: key of a passkey: %w", err)
		}
		pub = e
	case webauthncose.OKPPublicKeyData:
		if k.Curve == int64(webauthncose.Ed25519) && len(k.XCoord) == ed25519.PublicKeySize {
			pub = ed25519.PublicKey(k.XCoord)
		}
	case webauthncose.RSAPublicKeyData:
		e, err := webauthncose.ParseRSAPublicKeyDataExponent(&k)
		if err != nil {
			return binding.JWK{}, fmt.Errorf("access: key of a passkey: %w", err)
		}
		pub = &rsa.PublicKey{N: new(big.Int).SetBytes(k.Modulus), E: e}
	}
	return binding.NewJWK(pub)
}
