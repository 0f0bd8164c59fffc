package main

import (
	"context"
	"log/slog"
	"time"

	"subrosa/firmware/clock"
	"subrosa/firmware/journal"
	"subrosa/firmware/keyring"
	"subrosa/firmware/topic"
)

// checkpointEvery is how often the journal's head is signed, if it has grown: what a thief of the key could rewrite
// before a witness sees it.
const checkpointEvery = time.Minute

// notary signs the journal's head and publishes it for witnesses.
type notary struct {
	journal *journal.Journal
	key     keyring.Key
	report  func(topic string, data any) error
	clock   clock.Clock
	log     *slog.Logger
	signed  int64 // size of the tree that was published last
}

// published is the data of topic site/checkpoint/{unit}.
type published struct {
	Checkpoint string    `json:"checkpoint"`
	Time       time.Time `json:"time"`
}

// Run signs at once and then every checkpointEvery.
func (n *notary) Run(ctx context.Context) error {
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for {
		if err := n.sign(); err != nil { // a unit that cannot sign must still listen
			n.log.Error("no checkpoint", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (n *notary) sign() error {
	_, head, err := n.journal.Tree()
	if err != nil || head.N == n.signed {
		return err
	}
	b, err := n.journal.Checkpoint(n.key.Signer)
	if err != nil {
		return err
	}
	if err := n.report(topic.Checkpoint(n.key.Unit), published{string(b), n.clock.Now().UTC()}); err != nil {
		return err
	}
	n.signed = head.N
	return nil
}
