package room

import (
	"subrosa/firmware/report"
	"subrosa/firmware/wall"
)

// Words are the names of the points that this package proves, for the pages.
func Words() map[string]wall.Text {
	words := map[string]wall.Text{}
	for slug, t := range report.Points() {
		words[slug] = wall.Text(t)
	}
	return words
}
