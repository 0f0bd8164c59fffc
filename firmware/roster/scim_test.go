package roster

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func pseudonyms(t testing.TB) Pseudonyms {
	t.Helper()
	p, err := NewPseudonyms(bytes.Repeat([]byte{7}, KeyBytes))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// answer is a directory's answer to GET /Users, in the form of RFC 7644 §3.4.2 and RFC 7643 §8.1.
func answer(users ...string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":%d,"itemsPerPage":%d,"startIndex":1,"Resources":[%s]}`,
		len(users), len(users), strings.Join(users, ","))
}

const erika = `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:subrosa:scim:attendance:1"],
	"id":"2819c223-7f76-453a-919d-413861904646","externalId":"erika","userName":"erika.mustermann@stadt.example",
	"name":{"formatted":"Dr. Erika Mustermann","familyName":"Mustermann","givenName":"Erika"},
	"emails":[{"value":"erika.mustermann@stadt.example","primary":true}],"phoneNumbers":[{"value":"tel:+49-221-5550100"}],
	"active":true,"roles":[{"value":"Ratsmitglied"},{"value":"Aufsichtsrat"}],
	"urn:subrosa:scim:attendance:1":{"devices":["UDID-00008030-001A"],"from":"2026-11-01T00:00:00Z"},
	"meta":{"resourceType":"User","created":"2026-01-23T04:56:22Z"}}`

func user(id, rest string) string {
	return fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":%q%s}`, id, rest)
}

func TestReadSCIM(t *testing.T) {
	p := pseudonyms(t)
	conf := SCIM{Pseudonyms: p, Roles: map[string]Role{"Ratsmitglied": Councillor, "Vorsitz": Chair}}
	members, skipped, err := ReadSCIM(strings.NewReader(answer(erika,
		user("b", `,"roles":[{"value":"Vorsitz","primary":true},{"value":"Ratsmitglied"}]`),
		user("c", `,"active":false,"roles":[{"value":"guest"}]`),
		user("d", `,"roles":[{"value":"Hausmeister"}]`), user("e", ``))), conf)
	if err != nil {
		t.Fatal(err)
	}
	if len(members) != 2 || skipped != (Skipped{Inactive: 1, NoRole: 2}) {
		t.Fatalf("got %+v, skipped %+v", members, skipped)
	}
	want := Member{ID: p.Member("2819c223-7f76-453a-919d-413861904646"), Role: Councillor, Devices: []string{p.Device("UDID-00008030-001A")},
		From: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	if !members[0].equal(want) || members[1].Role != Chair {
		t.Errorf("got %+v, want %+v", members, want)
	}
	b, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"rika", "ustermann", "5550100", "UDID", "2819c223", "stadt"} {
		if bytes.Contains(b, []byte(name)) {
			t.Errorf("%q is in the roster: %s", name, b)
		}
	}
}

func TestPseudonyms(t *testing.T) {
	p := pseudonyms(t)
	other, err := NewPseudonyms(bytes.Repeat([]byte{8}, KeyBytes))
	if err != nil {
		t.Fatal(err)
	}
	a := p.Member("x")
	if !ValidID(a) || a != p.Member("x") || a == p.Member("y") || a == other.Member("x") || strings.TrimPrefix(a, "m-") == strings.TrimPrefix(p.Device("x"), "d-") {
		t.Errorf("got %s %s %s %s", a, p.Member("y"), other.Member("x"), p.Device("x"))
	}
	if _, err := NewPseudonyms([]byte("short")); err == nil {
		t.Error("a short key is taken")
	}
}

func TestReadSCIMRefuses(t *testing.T) {
	conf := SCIM{Pseudonyms: pseudonyms(t)}
	for _, tt := range []struct{ name, in, want string }{
		{"empty", ``, "ends too early"},
		{"syntax", `{"schemas":[` + `"Erika` + "\n", "syntax error"},
		{"no list", user("a", ""), "schemas is not"},
		{"no total", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"Resources":[]}`, "totalResults is missing"},
		{"a page", strings.Replace(answer(user("a", "")), `"totalResults":1`, `"totalResults":120`, 1), "a page of 1 users out of 120"},
		{"more after", answer() + "{}", "more after the end"},
		{"group", answer(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"id":"a","displayName":"Erika"}`), "user 1: is no urn"},
		{"no id", answer(user("", `,"roles":[{"value":"guest"}]`)), "user 1: has no id"},
		{"twice", answer(user("a", `,"roles":[{"value":"guest"}]`), user("a", `,"roles":[{"value":"guest"}]`)), "user 2: is the same as user 1"},
		{"two roles", answer(user("a", `,"roles":[{"value":"guest"},{"value":"staff"}]`)), "several roles"},
		{"two primary", answer(user("a", `,"roles":[{"value":"guest","primary":true},{"value":"staff","primary":true}]`)), "several roles"},
		{"type", answer(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"id":"Erika","roles":"Erika"}`), "user 1: a value of the wrong type"},
		{"device", answer(user("a", `,"roles":[{"value":"guest"}],"urn:subrosa:scim:attendance:1":{"devices":[""]}`)), "device without"},
		{"time", answer(user("a", `,"roles":[{"value":"guest"}],"urn:subrosa:scim:attendance:1":{"from":"Erika"}`)), "user 1"},
		{"far", answer(user("a", `,"roles":[{"value":"guest"}],"urn:subrosa:scim:attendance:1":{"to":"0001-05-01T00:00:00Z"}`)), "between 2000"},
		{"backwards", answer(user("a", `,"roles":[{"value":"guest"}],"urn:subrosa:scim:attendance:1":{"from":"2026-11-02T00:00:00Z","to":"2026-11-01T00:00:00Z"}`)), "is not after"},
	} {
		members, _, err := ReadSCIM(strings.NewReader(tt.in), conf)
		switch {
		case err == nil || !strings.Contains(err.Error(), tt.want):
			t.Errorf("%s: got %v, want an error with %q", tt.name, err, tt.want)
		case members != nil:
			t.Errorf("%s: members beside an error", tt.name)
		case strings.Contains(strings.ToLower(err.Error()), "erika"):
			t.Errorf("%s: the error repeats a name: %v", tt.name, err)
		}
	}
	if _, _, err := ReadSCIM(strings.NewReader(answer()), SCIM{}); err == nil {
		t.Error("read without a key")
	}
	conf.Roles = map[string]Role{"x": "mayor"}
	if _, _, err := ReadSCIM(strings.NewReader(answer()), conf); err == nil {
		t.Error("a role that is none is mapped to")
	}
	var many []string
	for i := range MaxMembers + 1 {
		many = append(many, user(fmt.Sprint(i), ""))
	}
	if _, _, err := ReadSCIM(strings.NewReader(answer(many...)), SCIM{Pseudonyms: pseudonyms(t)}); !errors.Is(err, ErrFull) {
		t.Errorf("got %v, want ErrFull", err)
	}
}

// FuzzSCIM: what is read is a valid roster of pseudonyms.
func FuzzSCIM(f *testing.F) {
	f.Add(answer(erika))
	f.Add(answer(user("a", `,"roles":[{"value":"guest","primary":true},{"value":"staff"}]`)))
	f.Add(`{"Schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalresults":0}`)
	p := pseudonyms(f)
	f.Fuzz(func(t *testing.T, in string) {
		members, _, err := ReadSCIM(strings.NewReader(in), SCIM{Pseudonyms: p})
		if err != nil {
			return
		}
		var r Roster
		if _, err := r.Replace(now, members); err != nil {
			t.Fatalf("what was read is refused: %v", err)
		}
		for _, m := range members {
			if len(m.ID) != 18 || !strings.HasPrefix(m.ID, "m-") {
				t.Fatalf("%q is no pseudonym", m.ID)
			}
			for _, d := range m.Devices {
				if len(d) != 18 || !strings.HasPrefix(d, "d-") {
					t.Fatalf("%q is no pseudonym", d)
				}
			}
		}
	})
}
