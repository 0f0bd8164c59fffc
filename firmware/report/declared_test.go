package report

import "testing"

func TestReadDeclared(t *testing.T) {
	d, err := ReadDeclared([]byte(`{"version":4,"asked":3,"said":[{"member":"m-1","alone":true},{"member":"m-2","alone":false}]}`))
	if yes, no := d.Tally(); err != nil || d.Asked != 3 || yes != 1 || no != 1 {
		t.Errorf("%+v, %v", d, err)
	}
	for _, bad := range []string{``, `[]`, `{"asked":-1}`, `{"asked":1,"said":[{"member":"m-1","alone":true},{"member":"m-2","alone":true}]}`, `{"asked":1,"said":[{"member":"Frau Meier","alone":true}]}`,
		`{"asked":2,"said":[{"member":"m-1","alone":true},{"member":"m-1","alone":false}]}`, `{"asked":1,"names":["x"]}`} {
		if d, err := ReadDeclared([]byte(bad)); err == nil {
			t.Errorf("%s: read as %+v", bad, d)
		}
	}
}

func FuzzReadDeclared(f *testing.F) {
	f.Add([]byte(`{"asked":3,"said":[{"member":"m-1","alone":true}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, err := ReadDeclared(b); err == nil {
			if yes, no := d.Tally(); yes+no > d.Asked {
				t.Fatalf("%q: %+v", b, d)
			}
		}
	})
}
