package demo

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"subrosa/drivers/power"
)

// panel writes the calibration of power detectors that nobody has built, and returns the configuration of a panel whose
// every part is simulated.
func (d *demo) panel() (map[string]any, error) {
	table := power.Calibration{Format: 1, VrefMV: 3300}
	for i, b := range []struct {
		name   string
		lo, hi float64
	}{{"gsm1800-ul", 1710e6, 1785e6}, {"dect", 1880e6, 1900e6}, {"ism2400", 2400e6, 2500e6}, {"band-n78", 3400e6, 3800e6}, {"wlan5", 5150e6, 5850e6}} {
		table.Channels = append(table.Channels, power.Channel{Input: i, Band: b.name, LoHz: b.lo, HiHz: b.hi, SlopeMV: -25, InterceptDBm: 20,
			FloorDBm: -55, LimitDBm: 0, UncertaintyDB: 3, Temperature: "invented for the demo: a real table is measured, channel by channel"})
	}
	b, err := json.MarshalIndent(table, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	if err := os.WriteFile(filepath.Join(d.dir, "unit", "power.json"), b, 0o600); err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	return map[string]any{"simulated": true, "lamp": map[string]any{"recording": 2},
		"parts": []string{"button", "lamp", "screen", "lines", "switches", "pir", "radar", "locker", "relays", "power"}}, nil
}
