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
	names, err := fs.Glob(files, "*.md")
	if err != nil {
		panic(err) // vorlagen: the pattern is a constant; it never panics
	}
	slices.Sort(names)
	return names
}
