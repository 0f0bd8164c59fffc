package bundle

import "io"

// Part is a part, for tests that forge.
type Part struct {
	Name string
	Data []byte
}

// Pack packs parts as they are.
func Pack(w io.Writer, all []Part) error {
	var parts []part
	for _, p := range all {
		parts = append(parts, part{p.Name, p.Data})
	}
	return pack(w, parts)
}
