package level

import (
	"os"
	"strings"
	"testing"

	"subrosa/firmware/policy"
	"subrosa/firmware/roster"
)

func TestLevelsAreThoseOfThePolicy(t *testing.T) {
	if len(Rules) != len(policy.Kinds) {
		t.Fatalf("%d rules, the policy has %d kinds", len(Rules), len(policy.Kinds))
	}
	for i, k := range policy.Kinds {
		if string(Rules[i].Level) != string(k) {
			t.Errorf("rule %d is for %s, the policy's kind is %s", i, Rules[i].Level, k)
		}
	}
	for _, l := range []Level{"", "CONFIDENTIAL", "secret"} {
		if For(l) != For(Confidential) {
			t.Errorf("%q is not as strict as confidential", l)
		}
	}
}

// TestStricter: what a level allows, every less confidential one allows, too.
func TestStricter(t *testing.T) {
	people := everybody()
	for i := 1; i < len(Rules); i++ {
		for _, p := range people {
			lower, higher := Rules[i-1].Decide(p), Rules[i].Decide(p)
			if higher.May && !lower.May {
				t.Errorf("%+v may enter %s and not %s", p, Rules[i].Level, Rules[i-1].Level)
			}
			if higher.May && lower.May && lower.Lobby && !higher.Lobby {
				t.Errorf("%+v waits in %s and not in %s", p, Rules[i-1].Level, Rules[i].Level)
			}
		}
	}
	t.Logf("measured: %d kinds of people at %d levels", len(people), len(Rules))
}

func everybody() (out []Person) {
	factors := []Factor{Invite, SSO, SSOStrong, PasskeyUsed, Code, Certificate}
	for _, role := range append(roster.Roles(), "", "root") {
		for bits := range 1 << (len(factors) + 2) {
			p := Person{Role: role, OnRoster: bits&1 != 0, Consent: bits&2 != 0}
			for i, f := range factors {
				if bits>>(i+2)&1 != 0 {
					p.Factors = append(p.Factors, f)
				}
			}
			out = append(out, p)
		}
	}
	return out
}

// TestNever is what must hold for everybody, whatever the table says.
func TestNever(t *testing.T) {
	for _, p := range everybody() {
		has := map[Factor]bool{}
		for _, f := range p.Factors {
			has[f] = true
		}
		for _, r := range Rules {
			v := r.Decide(p)
			if v.May == (v.Reason != "") {
				t.Fatalf("%s %+v: %+v contradicts itself", r.Level, p, v)
			}
			if !v.May {
				if v.Reason.Text().DE == "" || v.Reason.Text().EN == "" {
					t.Fatalf("%q has no text", v.Reason)
				}
				continue
			}
			switch {
			case len(p.Factors) == 0:
				t.Errorf("%s: nobody in particular came in as %q", r.Level, p.Role)
			case len(p.Factors) == 1 && has[Code]:
				t.Errorf("%s: a code alone let %s in", r.Level, p.Role)
			case !p.OnRoster && r.Level == Confidential && p.Role != roster.Room:
				t.Errorf("confidential: %+v is not on the roster", p)
			case p.Role == roster.Gateway && (r.Level == Nonpublic || r.Level == Confidential):
				t.Errorf("%s: a gateway", r.Level)
			case p.Role == roster.Room && !has[Certificate]:
				t.Errorf("%s: a room without a certificate", r.Level)
			case r.Level == Confidential && p.Role != roster.Room && !has[PasskeyUsed] && !(has[Code] && p.Consent):
				t.Errorf("confidential: %+v came in without a passkey or consent", p)
			case (p.Role == roster.Guest || p.Role == roster.Gateway) && !v.Lobby:
				t.Errorf("%s: %+v does not wait", r.Level, p)
			}
		}
	}
}

func TestDecide(t *testing.T) {
	tests := []struct {
		level Level
		p     Person
		want  Verdict
	}{
		{Public, Person{Role: roster.Guest, Factors: []Factor{Invite}}, Verdict{May: true, Lobby: true}},
		{Public, Person{Role: roster.Councillor, OnRoster: true, Factors: []Factor{Invite}}, Verdict{May: true}},
		{Public, Person{Role: roster.Councillor, Factors: []Factor{Invite}}, Verdict{Reason: NotOnRoster}},
		{Internal, Person{Role: roster.Gateway, Factors: []Factor{Invite}}, Verdict{May: true, Lobby: true}},
		{Nonpublic, Person{Role: roster.Councillor, OnRoster: true, Factors: []Factor{SSO}}, Verdict{Reason: NeedsSecond}},
		{Nonpublic, Person{Role: roster.Councillor, OnRoster: true, Factors: []Factor{SSO, Code}}, Verdict{May: true, Lobby: true}},
		{Nonpublic, Person{Role: roster.Councillor, OnRoster: true, Factors: []Factor{SSOStrong}}, Verdict{May: true, Lobby: true}},
		{Nonpublic, Person{Role: roster.Guest, Factors: []Factor{Invite}}, Verdict{Reason: NeedsSecond}},
		{Confidential, Person{Role: roster.Councillor, OnRoster: true, Factors: []Factor{SSOStrong}}, Verdict{Reason: NeedsPasskey}},
		{Confidential, Person{Role: roster.Councillor, OnRoster: true, Factors: []Factor{SSO, Code}}, Verdict{Reason: NeedsPasskey}},
		{Confidential, Person{Role: roster.Councillor, OnRoster: true, Factors: []Factor{SSO, Code}, Consent: true}, Verdict{May: true, Lobby: true}},
		{Confidential, Person{Role: roster.Chair, OnRoster: true, Factors: []Factor{PasskeyUsed}}, Verdict{May: true}},
		{Confidential, Person{Role: roster.Guest, Factors: []Factor{PasskeyUsed}}, Verdict{Reason: NoGuests}},
		{Confidential, Person{Role: roster.Gateway, OnRoster: true, Factors: []Factor{Certificate}}, Verdict{Reason: NoGateways}},
		{Confidential, Person{Role: roster.Room, Factors: []Factor{Certificate}}, Verdict{May: true}},
		{"", Person{Role: roster.Councillor, OnRoster: true, Factors: []Factor{SSO}}, Verdict{Reason: NeedsPasskey}},
	}
	for _, tt := range tests {
		if got := For(tt.level).Decide(tt.p); got != tt.want {
			t.Errorf("%s %+v: got %+v, want %+v", tt.level, tt.p, got, tt.want)
		}
	}
}

func TestRights(t *testing.T) {
	for _, right := range Rights {
		if !May(roster.Chair, right) {
			t.Errorf("the chair may not %s", right)
		}
	}
	for _, role := range roster.Roles() {
		if role != roster.Chair && (May(role, Consent) || May(role, SignAdmit) || May(role, End)) {
			t.Errorf("%s has a right of the chair alone", role)
		}
	}
	if May("", Speak) || May("root", Admit) {
		t.Error("an unknown role has rights")
	}
}

func TestDocsPrintTheTable(t *testing.T) {
	b, err := os.ReadFile("../../../docs/conference-access.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), Table()) {
		t.Errorf("docs/conference-access.md does not have the table as it is; it is\n%s", Table())
	}
}
