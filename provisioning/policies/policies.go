// Package policies holds ready rules for rooms, to take as they are or as a beginning, and a course of facts to try them
// on.
package policies

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed *.json example.jsonl
var files embed.FS

// Names of the policies, the simplest first.
var Names = []string{"small-town", "city-council", "committee"}

// Example is the name of the course of facts.
const Example = "example"

// Get returns the file of a policy, or the example, by its name.
func Get(name string) ([]byte, error) {
	for _, n := range Names {
		if n == name {
			return files.ReadFile(n + ".json")
		}
	}
	if name == Example {
		return files.ReadFile("example.jsonl")
	}
	return nil, fmt.Errorf("policies: there is no %.40q, only %s and %s", name, strings.Join(Names, ", "), Example)
}
