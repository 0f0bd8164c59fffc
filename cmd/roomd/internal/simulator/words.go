package simulator

import (
	"subrosa/drivers/contact"
	"subrosa/drivers/power"
	"subrosa/firmware/wall"
)

var contactStates = map[contact.State]wall.Text{
	contact.Unknown: {DE: "unbekannt", EN: "unknown"}, contact.Closed: {DE: "zu", EN: "closed"}, contact.Open: {DE: "offen", EN: "open"},
	contact.Short: {DE: "Kurzschluss", EN: "short circuit"}, contact.Cut: {DE: "Leitung unterbrochen", EN: "line cut"},
}

var flagWords = map[power.Flag]wall.Text{
	0:                {},
	power.BelowFloor: {DE: "unter der Messgrenze", EN: "below what can be measured"},
	power.Saturated:  {DE: "übersteuert", EN: "saturated"},
}
