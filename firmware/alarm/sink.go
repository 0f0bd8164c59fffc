package alarm

import (
	"context"
	"errors"
)

// SinkFunc makes a function a Sink.
type SinkFunc func(context.Context, Alarm) error

// Deliver calls f.
func (f SinkFunc) Deliver(ctx context.Context, a Alarm) error { return f(ctx, a) }

// Fanout returns a Sink that delivers to each of sinks, in order. One that fails does not keep the alarm from
// the others; the errors are joined, and all get the alarm again when the delivery is tried again.
func Fanout(sinks ...Sink) Sink { return fanout(sinks) }

type fanout []Sink

func (f fanout) Deliver(ctx context.Context, a Alarm) error {
	var errs []error
	for _, s := range f {
		errs = append(errs, s.Deliver(ctx, a.clone()))
	}
	return errors.Join(errs...)
}

func (f fanout) Forget(ctx context.Context, id string) error {
	var errs []error
	for _, s := range f {
		if s, ok := s.(Forgetter); ok {
			errs = append(errs, s.Forget(ctx, id))
		}
	}
	return errors.Join(errs...)
}

// OnlyRecorded returns a Sink that passes on what the journal holds. It belongs before sinks that others count
// on, such as the shadow of the unit at the broker; pages in the room show everything.
func OnlyRecorded(next Sink) Sink { return onlyRecorded{next} }

type onlyRecorded struct{ next Sink }

func (o onlyRecorded) Deliver(ctx context.Context, a Alarm) error {
	if !a.Recorded() {
		return nil
	}
	return o.next.Deliver(ctx, a)
}

func (o onlyRecorded) Forget(ctx context.Context, id string) error {
	if f, ok := o.next.(Forgetter); ok {
		return f.Forget(ctx, id)
	}
	return nil
}
