package oscal

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

//go:embed nist/oscal_complete_schema-1-1-3.json
var schemaText []byte

//go:embed bsi/room-controls.json
var roomControls []byte

//go:embed bsi/LICENSE-CC-BY-SA-4.0.txt
var roomLicence []byte

// RoomControls returns the BSI's controls for rooms, an OSCAL catalogue under CC BY-SA 4.0, and that licence. See bsi/SOURCE.md.
func RoomControls() (catalogue, licence []byte) {
	return bytes.Clone(roomControls), bytes.Clone(roomLicence)
}

// ErrInvalid is wrapped by what Validate and Check find.
var ErrInvalid = errors.New("not as OSCAL 1.1.3 wants it")

// schema is compiled once, in about a tenth of a second. Nothing is fetched.
var schema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schemaText))
	if err != nil {
		return nil, fmt.Errorf("oscal: schema: %w", err)
	}
	c := jsonschema.NewCompiler()
	const name = "oscal.json"
	if err := c.AddResource(name, doc); err != nil {
		return nil, fmt.Errorf("oscal: schema: %w", err)
	}
	s, err := c.Compile(name)
	if err != nil {
		return nil, fmt.Errorf("oscal: schema: %w", err)
	}
	return s, nil
})

// Validate checks a document against NIST's schema.
func Validate(doc []byte) error {
	s, err := schema()
	if err != nil {
		return err
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		return fmt.Errorf("oscal: %w: %w", ErrInvalid, err)
	}
	if err := s.Validate(v); err != nil {
		return fmt.Errorf("oscal: %w: %w", ErrInvalid, err)
	}
	return nil
}

// Set is a set of documents by file name, with what they may refer to outside themselves.
type Set struct {
	Documents map[string][]byte
	Files     []string        // other files of the export
	Controls  map[string]bool // ids of known controls
}

// Check finds what no schema finds: identifiers that are not unique, references to nothing, findings that no observation
// bears, observations that bear no finding, controls that nobody knows.
func (s Set) Check() error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(s.Documents)) {
		var v any
		if err := json.Unmarshal(s.Documents[name], &v); err != nil {
			return fmt.Errorf("oscal: %s: %w: %w", name, ErrInvalid, err)
		}
		w := walker{set: s, ids: map[string]int{}, used: map[string]bool{}}
		w.collect(v)
		w.follow("", v)
		for id, n := range w.ids {
			if n > 1 {
				w.fault("identifier %s is there %d times", id, n)
			}
		}
		for _, id := range w.observations {
			if !w.used[id] {
				w.fault("observation %s bears no finding", id)
			}
		}
		slices.Sort(w.faults)
		for _, f := range w.faults {
			faults = append(faults, fmt.Errorf("oscal: %s: %w: %s", name, ErrInvalid, f))
		}
	}
	return errors.Join(faults...)
}

type walker struct {
	set          Set
	ids          map[string]int
	observations []string
	used         map[string]bool
	faults       []string
}

func (w *walker) fault(format string, args ...any) {
	w.faults = append(w.faults, fmt.Sprintf(format, args...))
}

// collect notes every identifier.
func (w *walker) collect(v any) {
	switch v := v.(type) {
	case map[string]any:
		if id, ok := v["uuid"].(string); ok {
			w.ids[id]++
		}
		for _, o := range list(v["observations"]) {
			if m, ok := o.(map[string]any); ok {
				w.observations = append(w.observations, fmt.Sprint(m["uuid"]))
			}
		}
		for _, x := range v {
			w.collect(x)
		}
	case []any:
		for _, x := range v {
			w.collect(x)
		}
	}
}

func list(v any) []any { l, _ := v.([]any); return l }

// follow goes after every reference.
func (w *walker) follow(key string, v any) {
	switch v := v.(type) {
	case map[string]any:
		if key == "findings" && len(list(v["related-observations"])) == 0 {
			w.fault("finding %v rests on no observation", v["uuid"])
		}
		for k, x := range v {
			w.follow(k, x)
		}
	case []any:
		for _, x := range v {
			w.follow(key, x)
		}
	case string:
		switch {
		case key == "control-id" || key == "target-id":
			if !w.set.Controls[v] {
				w.fault("control %s is not known", v)
			}
		case key == "observation-uuid":
			w.used[v] = true
			w.refer(key, v)
		case strings.HasSuffix(key, "-uuid"):
			w.refer(key, v)
		case key == "href" || key == "source":
			w.link(key, v)
		}
	}
}

func (w *walker) refer(key, id string) {
	if w.ids[id] == 0 {
		w.fault("%s %s is the identifier of nothing", key, id)
	}
}

// link follows "#UUID" into the document and "./NAME" to another file; addresses elsewhere are not fetched.
func (w *walker) link(key, to string) {
	if id, ok := strings.CutPrefix(to, "#"); ok {
		w.refer(key, id)
		return
	}
	if strings.Contains(to, "://") {
		return
	}
	name := strings.TrimPrefix(to, "./")
	if _, ok := w.set.Documents[name]; !ok && !slices.Contains(w.set.Files, name) {
		w.fault("%s %s is no file of the export", key, to)
	}
}

// ControlIDs returns the ids of all controls of an OSCAL catalogue, with their titles.
func ControlIDs(catalogue []byte) (map[string]string, error) {
	type group struct {
		Groups   []json.RawMessage `json:"groups"`
		Controls []json.RawMessage `json:"controls"`
		ID       string            `json:"id"`
		Title    string            `json:"title"`
	}
	var doc struct {
		Catalog json.RawMessage `json:"catalog"`
	}
	if err := json.Unmarshal(catalogue, &doc); err != nil {
		return nil, fmt.Errorf("oscal: catalogue: %w", err)
	}
	ids := map[string]string{}
	var walk func(b json.RawMessage, control bool) error
	walk = func(b json.RawMessage, control bool) error {
		var g group
		if err := json.Unmarshal(b, &g); err != nil {
			return fmt.Errorf("oscal: catalogue: %w", err)
		}
		if control {
			ids[g.ID] = g.Title
		}
		for _, x := range g.Groups {
			if err := walk(x, false); err != nil {
				return err
			}
		}
		for _, x := range g.Controls {
			if err := walk(x, true); err != nil {
				return err
			}
		}
		return nil
	}
	return ids, walk(doc.Catalog, false)
}
