package osascript

import (
	"context"
	"fmt"
	"testing"
)

func TestVolume(t *testing.T) {
	volume := "75"
	run := func(_ context.Context, script string) (string, error) {
		switch {
		case script == "input volume of (get volume settings)":
			return volume, nil
		case len(script) > 24 && script[:24] == "set volume input volume ":
			volume = script[24:]
			return "", nil
		}
		return "", fmt.Errorf("no such script: %s", script)
	}
	in, ctx := Input{run}, context.Background()
	items, err := in.List(ctx)
	if err != nil || len(items) != 1 || items[0].Value != "75" {
		t.Fatalf("%v, %v", items, err)
	}
	if err := in.Set(ctx, items[0].ID, items[0].Off); err != nil || volume != "0" {
		t.Errorf("%v, volume %s", err, volume)
	}
	for _, bad := range []string{"101", "-1", `0" & quit`, ""} {
		if err := in.Set(ctx, items[0].ID, bad); err == nil {
			t.Errorf("%q was set", bad)
		}
	}
	volume = "missing value"
	if _, err := in.List(ctx); err == nil {
		t.Error("an input without volume counts as one")
	}
}
