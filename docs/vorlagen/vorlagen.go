// Package vorlagen holds the templates for a city's own papers, in German, as they are read in the repository. Nothing in them
// is legal advice.
package vorlagen

import (
	"embed"
	"io/fs"
	"slices"
)

//go:embed *.md
var files embed.FS

// Files returns the templates by their names, such as "tueraushang.md".
func Files() fs.FS { return files }

// Names returns their names in order.
func Names() []string {
	var names []string
	entries, _ := files.ReadDir(".") // what is embedded can be read
	for _, e := range entries {
		names = append(names, e.Name())
	}
	slices.Sort(names)
	return names
}
