package room

import "subrosa/firmware/wall"

// Words are the names of the points that this package proves.
var Words = map[string]wall.Text{
	"sensor-alive":   {DE: "Sensor misst", EN: "Sensor is measuring"},
	"journal-writes": {DE: "Nachweis wird geschrieben", EN: "Record is being written"},
	"sound-covered":  {DE: "Schall geprüft", EN: "Sound examined"},
	"radio-covered":  {DE: "Funk geprüft", EN: "Radio examined"},
}
