package broker

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/storage"
	"github.com/mochi-mqtt/server/v2/packets"

	"subrosa/firmware/topic"
)

const (
	listenTLS     = "tls"
	listenDev     = "dev"
	listenConsole = "console"
	redeliverer   = "redelivery"
)

// hook is where mochi asks: who is this, may he, and what must be on disk now.
type hook struct {
	mqtt.HookBase
	disk    *disk
	log     *slog.Logger
	refused func(Refusal)
	deny    []string

	refusals, slow atomic.Int64

	mu   sync.Mutex
	busy map[*mqtt.Client]uint64         // message being handed out, by its publisher
	ids  map[*mqtt.Client]topic.Identity // of connected clients
}

// ID returns the hook's name in the server.
func (h *hook) ID() string { return "subrosa" }

// Provides lists what the server calls.
func (h *hook) Provides(b byte) bool {
	switch b {
	case mqtt.OnConnect, mqtt.OnConnectAuthenticate, mqtt.OnACLCheck, mqtt.OnPublish, mqtt.OnPublished, mqtt.OnPublishDropped,
		mqtt.OnSessionEstablished, mqtt.OnDisconnect, mqtt.OnSubscribed, mqtt.OnUnsubscribed, mqtt.OnQosPublish, mqtt.OnQosComplete,
		mqtt.OnQosDropped, mqtt.OnWillSent, mqtt.OnClientExpired, mqtt.OnRetainedExpired,
		mqtt.StoredClients, mqtt.StoredSubscriptions, mqtt.StoredInflightMessages, mqtt.StoredRetainedMessages:
		return true
	}
	return false
}

func (h *hook) refuse(r Refusal) {
	h.refusals.Add(1)
	if len(r.Topic) > 128 {
		r.Topic = r.Topic[:128]
	}
	if h.refused != nil {
		h.refused(r)
	}
}

// OnConnect puts the peer's identity before its client id, so that no peer can take over another's session.
func (h *hook) OnConnect(cl *mqtt.Client, _ packets.Packet) error {
	id, err := identify(cl)
	if err == nil && strings.ContainsRune(cl.ID, 0) {
		err = errors.New("client id holds a NUL")
	}
	if err != nil {
		return nil // OnConnectAuthenticate refuses, with a CONNACK
	}
	cl.ID = id.String() + "/" + cl.ID
	h.mu.Lock()
	h.ids[cl] = id
	h.mu.Unlock()
	return nil
}

// OnConnectAuthenticate takes everyone whose certificate (or development user name) gives an identity, unless
// the last will is for a topic that is not the peer's.
func (h *hook) OnConnectAuthenticate(cl *mqtt.Client, pk packets.Packet) bool {
	id, ok := h.identity(cl)
	if !ok {
		_, err := identify(cl)
		h.refuse(Refusal{What: "connect", Err: fmt.Errorf("%s: %w", cl.Net.Remote, err)})
		return false
	}
	if slices.Contains(h.deny, id.String()) {
		h.refuse(Refusal{Peer: id.String(), What: "connect", Err: errors.New("shut out by the configuration")})
		h.forgetClient(cl)
		return false
	}
	if w := pk.Connect.WillTopic; pk.Connect.WillFlag && !topic.MayWrite(id, w) {
		h.refuse(Refusal{Peer: id.String(), What: "will", Topic: w, Err: errNotYours})
		h.forgetClient(cl)
		return false
	}
	return true
}

var errNotYours = errors.New("not a topic of this peer")

func (h *hook) identity(cl *mqtt.Client) (topic.Identity, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	id, ok := h.ids[cl]
	return id, ok
}

func (h *hook) forgetClient(cl *mqtt.Client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.ids, cl)
	delete(h.busy, cl)
}

// OnACLCheck decides on subscriptions and on deliveries. Publishing is decided in OnPublish, where topic aliases
// are resolved. Sessions whose client is away have no proven identity: what is queued for them was checked against the subscription they once got.
func (h *hook) OnACLCheck(cl *mqtt.Client, t string, write bool) bool {
	if write {
		return true
	}
	id, ok := h.identity(cl)
	if !ok {
		return cl.Closed()
	}
	if topic.MayRead(id, t) {
		return true
	}
	h.refuse(Refusal{Peer: id.String(), What: "subscribe", Topic: t, Err: errNotYours})
	return false
}

// OnPublish checks the right to write and puts the message on disk before it can be acknowledged.
//
// A message for a topic that is not the peer's is acknowledged and thrown away, as mosquitto does; MQTT 5 peers
// are told by reason code. The peer stays connected: MQTT 3.1.1 has no way to refuse one message but closing,
// and a unit whose outbox sends the same message again after every reconnect would take the alarms of its own
// room down with it.
//
// A message that cannot be stored is neither acknowledged nor handed out; its publisher is dropped and sends it
// again when it is back.
func (h *hook) OnPublish(cl *mqtt.Client, pk packets.Packet) (packets.Packet, error) {
	if cl.ID == redeliverer {
		return pk, nil
	}
	id, ok := h.identity(cl)
	if !ok || !topic.MayWrite(id, pk.TopicName) {
		h.refuse(Refusal{Peer: id.String(), What: "publish", Topic: pk.TopicName, Err: errNotYours})
		if cl.Properties.ProtocolVersion == 5 && pk.FixedHeader.Qos > 0 {
			return pk, packets.ErrNotAuthorized
		}
		return pk, packets.CodeSuccessIgnore
	}
	if pk.FixedHeader.Qos == 0 && !pk.FixedHeader.Retain {
		return pk, nil
	}
	seq, err := h.disk.accept(message(cl.ID, pk))
	if err != nil {
		cl.Stop(packets.ErrServerUnavailable)
		return pk, packets.ErrRejectPacket
	}
	h.mu.Lock()
	h.busy[cl] = seq
	h.mu.Unlock()
	return pk, nil
}

// OnPublished: every session has the message on disk by now, or in the queue to it, before this.
func (h *hook) OnPublished(cl *mqtt.Client, _ packets.Packet) {
	h.mu.Lock()
	seq, ok := h.busy[cl]
	delete(h.busy, cl)
	h.mu.Unlock()
	if ok {
		h.disk.forget(seq)
	}
}

// OnPublishDropped drops a client that cannot keep up, so that it comes back to the retained state and its
// stored queue instead of missing something unawares.
func (h *hook) OnPublishDropped(cl *mqtt.Client, _ packets.Packet) {
	h.tooSlow()
	cl.Stop(packets.ErrPendingClientWritesExceeded)
}

// tooSlow notes that a client was dropped because it did not keep up; OnDisconnect says which.
func (h *hook) tooSlow() {
	h.slow.Add(1)
	h.log.Warn("a client that does not keep up is dropped")
}

func lasting(cl *mqtt.Client) bool {
	p := cl.Properties
	if p.ProtocolVersion == 5 {
		return p.Props.SessionExpiryInterval > 0
	}
	return !p.Clean
}

// OnSessionEstablished stores a session that outlives its connection, or deletes what an earlier one left.
func (h *hook) OnSessionEstablished(cl *mqtt.Client, _ packets.Packet) {
	h.log.Info("broker client connected", "peer", cl.ID)
	if !lasting(cl) {
		h.disk.put(dropSession(cl.ID))
		return
	}
	if cl.Properties.Clean {
		h.disk.put(dropSession(cl.ID))
	}
	h.disk.put(set(bucketClient, cl.ID, storage.Client{
		ID: cl.ID, T: storage.ClientKey, Listener: cl.Net.Listener, Username: cl.Properties.Username, Clean: cl.Properties.Clean,
		ProtocolVersion: cl.Properties.ProtocolVersion,
		Properties: storage.ClientProperties{
			SessionExpiryInterval: cl.Properties.Props.SessionExpiryInterval, SessionExpiryIntervalFlag: cl.Properties.Props.SessionExpiryIntervalFlag,
			ReceiveMaximum: cl.Properties.Props.ReceiveMaximum, TopicAliasMaximum: cl.Properties.Props.TopicAliasMaximum,
			MaximumPacketSize: cl.Properties.Props.MaximumPacketSize,
		},
	}))
}

func dropSession(id string) op {
	return all(del(bucketClient, id), delPrefix(bucketSub, id+"\x00"), delPrefix(bucketInflight, id+"\x00"))
}

// OnDisconnect notes the end of a connection. A message whose acknowledgement could not be written is not
// promised to anyone; its publisher sends it again.
func (h *hook) OnDisconnect(cl *mqtt.Client, err error, expire bool) {
	h.mu.Lock()
	seq, ok := h.busy[cl]
	h.mu.Unlock()
	if ok {
		h.disk.forget(seq)
	}
	if _, known := h.identity(cl); known {
		h.log.Info("broker client gone", "peer", cl.ID, "cause", cause(err))
	}
	h.forgetClient(cl)
	if expire && !cl.IsTakenOver() && !errors.Is(cl.StopCause(), packets.ErrSessionTakenOver) {
		h.disk.put(dropSession(cl.ID))
	}
}

func cause(err error) string {
	if err == nil {
		return "goodbye"
	}
	return err.Error()
}

// OnSubscribed stores the granted subscriptions of a lasting session before the SUBACK.
func (h *hook) OnSubscribed(cl *mqtt.Client, pk packets.Packet, codes []byte) {
	if !lasting(cl) {
		return
	}
	var ops []op
	for i, f := range pk.Filters {
		if i >= len(codes) || codes[i] > packets.CodeGrantedQos2.Code {
			continue
		}
		ops = append(ops, set(bucketSub, cl.ID+"\x00"+f.Filter, storage.Subscription{
			ID: f.Filter, T: storage.SubscriptionKey, Client: cl.ID, Filter: f.Filter, Qos: codes[i], Identifier: f.Identifier,
			NoLocal: f.NoLocal, RetainHandling: f.RetainHandling, RetainAsPublished: f.RetainAsPublished,
		}))
	}
	if err := h.disk.do(all(ops...)); err != nil {
		cl.Stop(packets.ErrServerUnavailable)
	}
}

// OnUnsubscribed deletes them.
func (h *hook) OnUnsubscribed(cl *mqtt.Client, pk packets.Packet) {
	for _, f := range pk.Filters {
		h.disk.put(del(bucketSub, cl.ID+"\x00"+f.Filter))
	}
}

func inflightKey(cl *mqtt.Client, id uint16) string {
	return cl.ID + "\x00" + strconv.Itoa(int(id))
}

// OnQosPublish stores what a lasting session still has to get.
func (h *hook) OnQosPublish(cl *mqtt.Client, pk packets.Packet, sent int64, _ int) {
	if !lasting(cl) || pk.FixedHeader.Type == packets.Puback {
		return
	}
	m := message(cl.ID, pk)
	m.Sent = sent
	h.disk.put(set(bucketInflight, inflightKey(cl, pk.PacketID), m))
}

// OnQosComplete deletes it. mochi also calls it for the PUBACKs it sends, whose packet ids are the other side's
// and say nothing about what waits here; those carry a time of making.
func (h *hook) OnQosComplete(cl *mqtt.Client, pk packets.Packet) {
	if !lasting(cl) || pk.FixedHeader.Type == packets.Puback && pk.Created != 0 {
		return
	}
	h.disk.put(del(bucketInflight, inflightKey(cl, pk.PacketID)))
}

// OnQosDropped deletes it too, except where the messages have just moved to the client's new connection.
func (h *hook) OnQosDropped(cl *mqtt.Client, pk packets.Packet) {
	if cl.IsTakenOver() {
		return
	}
	h.disk.put(del(bucketInflight, inflightKey(cl, pk.PacketID)))
}

// OnWillSent stores a will that was retained. Nobody waits for an acknowledgement of it.
func (h *hook) OnWillSent(cl *mqtt.Client, pk packets.Packet) {
	if pk.FixedHeader.Retain {
		h.disk.put(retain(message(cl.ID, pk)))
	}
}

// OnClientExpired ends a session that was away for too long.
func (h *hook) OnClientExpired(cl *mqtt.Client) { h.disk.put(dropSession(cl.ID)) }

// OnRetainedExpired forgets a retained message with an expiry of its own (MQTT 5).
func (h *hook) OnRetainedExpired(t string) { h.disk.put(del(bucketRetained, t)) }

// StoredClients returns the sessions that outlived their connection.
func (h *hook) StoredClients() ([]storage.Client, error) {
	return load[storage.Client](h.disk, bucketClient)
}

// StoredSubscriptions returns theirs.
func (h *hook) StoredSubscriptions() ([]storage.Subscription, error) {
	return load[storage.Subscription](h.disk, bucketSub)
}

// StoredInflightMessages returns what they still have to get.
func (h *hook) StoredInflightMessages() ([]storage.Message, error) {
	return load[storage.Message](h.disk, bucketInflight)
}

// StoredRetainedMessages returns the retained state.
func (h *hook) StoredRetainedMessages() ([]storage.Message, error) {
	return load[storage.Message](h.disk, bucketRetained)
}

func message(client string, pk packets.Packet) storage.Message {
	p := pk.Properties.Copy(false)
	pk.FixedHeader.Dup = false
	return storage.Message{
		Client: client, Origin: pk.Origin, FixedHeader: pk.FixedHeader, TopicName: pk.TopicName, Payload: pk.Payload,
		Created: pk.Created, PacketID: pk.PacketID,
		Properties: storage.MessageProperties{
			PayloadFormat: p.PayloadFormat, PayloadFormatFlag: p.PayloadFormatFlag, MessageExpiryInterval: p.MessageExpiryInterval,
			ContentType: p.ContentType, ResponseTopic: p.ResponseTopic, CorrelationData: p.CorrelationData,
			SubscriptionIdentifier: p.SubscriptionIdentifier, User: p.User,
		},
	}
}
