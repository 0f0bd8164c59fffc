package signal

import "sync"

// Letter is a message that goes to several people and is written once.
type Letter struct {
	Message
	once sync.Once
	b    []byte
	err  error
}

// NewLetter wraps a message that does not change any more.
func NewLetter(m Message) *Letter { return &Letter{Message: m} }

// Bytes are the message as Encode writes it. Who gets them does not change them.
func (l *Letter) Bytes() ([]byte, error) {
	l.once.Do(func() { l.b, l.err = Encode(l.Message) })
	return l.b, l.err
}
