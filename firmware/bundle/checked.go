package bundle

import (
	"bytes"
	"fmt"
	"slices"

	"subrosa/firmware/checkpoint"
	"subrosa/firmware/journal"
)

// Checked is Write followed by Verify with the unit's own key, before anyone else gets the bundle. A report that is not
// Intact does not keep it back: damage of a journal is evidence, too.
func Checked(src Source, o Options) ([]byte, *Report, error) {
	var b bytes.Buffer
	if _, err := Write(&b, src, o); err != nil {
		return nil, nil, err
	}
	pin, err := checkpoint.PinOf(o.Public)
	if err != nil {
		return nil, nil, err
	}
	return b.Bytes(), Verify(b.Bytes(), Trust{Pin: &pin}), nil
}

// Overtaken reports whether the bundle lacks a payload without a receipt, as when it was deleted while the bundle was
// written. The receipt stands in the next checkpoint: try again with that.
func (r *Report) Overtaken() bool {
	return slices.ContainsFunc(r.Faults, func(f Fault) bool { return f.Code == faultNoPayload })
}

// Read calls fn for the entries of a bundle's range, oldest first, with the payloads that are there; fn's error ends it and
// is returned. Nothing is verified beyond what stands in the way of reading: Verify first.
func Read(b []byte, fn func(seq uint64, e journal.Entry) error) error {
	v := &verifier{parts: map[string][]byte{}, r: &Report{}}
	parts, _, err := unpack(b)
	if err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	for _, p := range parts {
		v.parts[p.name] = p.data
	}
	v.manifest(parts)
	for _, step := range []func() bool{v.header, v.checkpoint, v.tree, v.lines, v.spill} {
		if !step() {
			return fmt.Errorf("bundle: %w: %v", errForm, v.r.Faults)
		}
	}
	for _, l := range v.entries {
		l.Entry.Payload = v.payloads[l.Seq]
		if err := fn(l.Seq, l.Entry); err != nil {
			return err
		}
	}
	return nil
}
