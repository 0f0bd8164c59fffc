package veo_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"subrosa/firmware/veo"
)

const (
	roomID = "11111111-1111-4111-8111-111111111111"
	unitID = "22222222-2222-4222-8222-222222222222"
	token  = "eyJ.test.token"
)

// server is a double of the API of verinice-veo at commit 77d1505. Each answer names the source it follows. It refuses
// what the source does not know: other parameters, other fields, an If-Match that has gone by.
type server struct {
	t        *testing.T
	version  int                       // of the asset: ETag.from(origin), UpdateRequirementImplementationUseCase.java
	assets   []map[string]any          // AbstractElementDto.java:94-111
	controls []map[string]any          //
	ri       map[string]map[string]any // by control; RequirementImplementationDto.java:47-84
	puts     int
	meddle   func() // before a PUT
}

// fields of RequirementImplementationDto that may be written; _self is READ_ONLY.
var fields = []string{"origin", "control", "responsible", "status", "cost", "implementationDate", "implementedBy", "document", "lastRevisionDate",
	"lastRevisionBy", "nextRevisionDate", "nextRevisionBy", "implementationStatement", "origination", "implementationUntil", "createdAt", "createdBy",
	"updatedAt", "updatedBy"}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+token { // RestApplication.java:63
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	path, ok := strings.CutPrefix(r.URL.Path, "/veo/")
	parts := strings.Split(path, "/")
	switch {
	case ok && len(parts) == 1 && r.Method == http.MethodGet:
		s.list(w, r, parts[0])
	case ok && len(parts) == 4 && parts[0] == "assets" && parts[1] == roomID && parts[2] == "requirement-implementations":
		s.implementation(w, r, parts[3])
	default:
		s.t.Errorf("%s %s: not in the source", r.Method, r.URL)
		w.WriteHeader(http.StatusNotFound)
	}
}

// list follows AssetController.java:168-214, ControllerConstants.java:38-56 and PageDto.java. The search ignores case
// (ElementQuery.java:105, whereAbbreviationMatchesIgnoreCase).
func (s *server) list(w http.ResponseWriter, r *http.Request, kind string) {
	q := r.URL.Query()
	for name := range q {
		if !slices.Contains([]string{"unit", "abbreviation", "size", "page"}, name) {
			s.t.Errorf("%s: parameter %s is not in the source", r.URL, name)
		}
	}
	all := map[string][]map[string]any{"assets": s.assets, "controls": s.controls}[kind]
	var found []map[string]any
	for _, e := range all {
		if strings.EqualFold(fmt.Sprint(e["abbreviation"]), q.Get("abbreviation")) && (q.Get("unit") == "" || q.Get("unit") == e["unit"]) {
			found = append(found, e)
		}
	}
	json.NewEncoder(w).Encode(map[string]any{"items": found, "totalItemCount": len(found), "pageCount": 1, "page": 0})
}

func (s *server) etag() string { return fmt.Sprintf(`"%d"`, s.version) }

// implementation follows RiskAffectedResource.java:58-86 and AssetController.java:435-460.
func (s *server) implementation(w http.ResponseWriter, r *http.Request, control string) {
	ri, ok := s.ri[control]
	if !ok {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if r.Method == http.MethodGet {
		w.Header().Set("ETag", s.etag())
		json.NewEncoder(w).Encode(ri)
		return
	}
	if s.meddle != nil {
		s.meddle()
	}
	if r.Header.Get("If-Match") != s.etag() {
		w.WriteHeader(http.StatusPreconditionFailed) // VeriniceExceptionHandler.java:126
		return
	}
	body := map[string]any{}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || body["origination"] == nil { // @NotNull, RequirementImplementationDto.java:75
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for name := range body {
		if !slices.Contains(fields, name) {
			s.t.Errorf("PUT of field %q, which the source does not know", name)
		}
	}
	body["_self"] = ri["_self"]
	s.ri[control] = body // the whole state: EntityStateMapper.mapState
	s.version++
	s.puts++
	w.Header().Set("ETag", s.etag())
	w.WriteHeader(http.StatusNoContent)
}

func id(n int) string { return fmt.Sprintf("33333333-3333-4333-8333-%012d", n) }

func newServer(t *testing.T) (*server, string) {
	s := &server{t: t, ri: map[string]map[string]any{}, assets: []map[string]any{{"id": roomID, "abbreviation": "ratssaal", "name": "Großer Ratssaal", "unit": unitID},
		{"id": id(90), "abbreviation": "RATSSAAL", "name": "another", "unit": unitID}}}
	for i, abbreviation := range []string{"INF.10.A3", "INF.10.A8", "ORP.1.A17", "DET.4.19", "SYS.2.1.A21", "INF.10.A1"} {
		s.controls = append(s.controls, map[string]any{"id": id(i), "abbreviation": abbreviation, "name": "x", "unit": unitID})
		ri := map[string]any{"_self": "http://x/" + id(i), "origin": map[string]any{"targetUri": "/assets/" + roomID}, "control": map[string]any{"targetUri": "/controls/" + id(i)},
			"origination": "SYSTEM_SPECIFIC", "status": "UNKNOWN", "responsible": map[string]any{"targetUri": "/persons/1"}, "implementationUntil": "2027-03-01", "cost": 7}
		s.ri[id(i)] = ri
	}
	delete(s.ri, id(3)) // not modelled
	s.ri[id(1)]["status"] = "YES"
	s.ri[id(2)]["status"], s.ri[id(2)]["implementationStatement"] = "PARTIAL", veo.Opening("Oktober", "PARTIAL")+" Messwerte zu 1 von 2 Teilen."
	s.ri[id(4)]["implementationStatement"] = "Kameras sind abgeklebt."
	s.ri[id(5)]["status"], s.ri[id(5)]["implementationStatement"] = "YES", veo.Opening("Oktober", "PARTIAL")+" x" // a person has decided since
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	return s, web.URL + "/veo"
}

func patch(controls ...string) veo.Patch {
	p := veo.Patch{Format: veo.Format, Target: veo.Target{Abbreviation: "ratssaal", Name: "Ratssaal"}}
	for _, c := range controls {
		p.Set = append(p.Set, veo.Entry{Control: c, Status: "PARTIAL", Statement: veo.Opening("November", "PARTIAL") + " Messwerte zu 1 von 4 Teilen.", Origination: "SYSTEM_SPECIFIC"})
	}
	return p
}

var all = []string{"INF.10.A3", "INF.10.A8", "ORP.1.A17", "DET.4.19", "SYS.2.1.A21", "INF.10.A1", "INF.10.A99"}

func client(t *testing.T, url string, change ...func(*veo.Options)) *veo.Client {
	t.Helper()
	o := veo.Options{URL: url, Token: token, Type: "assets"}
	for _, f := range change {
		f(&o)
	}
	c, err := veo.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func acts(p veo.Plan) (out []string) {
	for _, s := range p.Steps {
		out = append(out, strings.Trim(s.Control+" "+string(s.Act)+" "+s.Why, " "))
	}
	return out
}

func TestPlanAndPush(t *testing.T) {
	s, url := newServer(t)
	c := client(t, url)
	plan, err := c.Plan(t.Context(), patch(all...))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"INF.10.A3 write", "INF.10.A8 kept decided", "ORP.1.A17 write", "DET.4.19 missing not-modelled", "SYS.2.1.A21 kept statement", "INF.10.A1 kept decided", "INF.10.A99 missing no-control"}
	if got := acts(plan); !slices.Equal(got, want) || plan.Target != roomID || plan.Name != "Großer Ratssaal" {
		t.Errorf("plan %q for %s %s, want %q", got, plan.Target, plan.Name, want)
	}
	if s.puts != 0 {
		t.Fatal("a plan writes")
	}
	var told []string
	if err := c.Push(t.Context(), plan, func(st veo.Step) { told = append(told, string(st.Act)) }); err != nil {
		t.Fatal(err)
	}
	if s.puts != 2 || !slices.Equal(told, []string{"written", "kept", "written", "missing", "kept", "kept", "missing"}) {
		t.Errorf("%d written, told %q", s.puts, told)
	}
	ri := s.ri[id(0)]
	if ri["status"] != "PARTIAL" || !strings.Contains(fmt.Sprint(ri["implementationStatement"]), "November") {
		t.Errorf("got %v", ri)
	}
	// What people have entered beside it is still there.
	if !reflect.DeepEqual(ri["responsible"], map[string]any{"targetUri": "/persons/1"}) || ri["implementationUntil"] != "2027-03-01" || ri["cost"] != 7. {
		t.Errorf("lost: %v", ri)
	}
	if plan, err = c.Plan(t.Context(), patch("INF.10.A3", "ORP.1.A17")); err != nil || !slices.Equal(acts(plan), []string{"INF.10.A3 same", "ORP.1.A17 same"}) {
		t.Errorf("again: %q, %v", acts(plan), err)
	}
	over := client(t, url, func(o *veo.Options) { o.Overwrite, o.Unit = true, unitID })
	if plan, err = over.Plan(t.Context(), patch("INF.10.A8", "INF.10.A1")); err != nil || !slices.Equal(acts(plan), []string{"INF.10.A8 write", "INF.10.A1 write"}) {
		t.Errorf("overwrite: %q, %v", acts(plan), err)
	}
}

// TestMeanwhile: somebody changes the object between our look and our PUT, or decides between plan and push.
func TestMeanwhile(t *testing.T) {
	s, url := newServer(t)
	c := client(t, url)
	plan, err := c.Plan(t.Context(), patch("INF.10.A3"))
	if err != nil {
		t.Fatal(err)
	}
	s.meddle = func() { s.version++ }
	if err := c.Push(t.Context(), plan, nil); !errors.Is(err, veo.ErrChanged) || s.puts != 0 {
		t.Errorf("%d written, %v", s.puts, err)
	}
	s.meddle = nil
	s.ri[id(0)]["status"] = "NO"
	var act veo.Act
	if err := c.Push(t.Context(), plan, func(st veo.Step) { act = st.Act }); err != nil || s.puts != 0 || act != veo.Kept {
		t.Errorf("%d written, %s, %v", s.puts, act, err)
	}
}

func TestRefusals(t *testing.T) {
	s, url := newServer(t)
	if _, err := client(t, url, func(o *veo.Options) { o.Token = "old" }).Plan(t.Context(), patch("INF.10.A3")); !errors.Is(err, veo.ErrToken) {
		t.Errorf("token: %v", err)
	}
	p := patch("INF.10.A3")
	p.Target.Abbreviation = "nirgends"
	if _, err := client(t, url).Plan(t.Context(), p); !errors.Is(err, veo.ErrTarget) {
		t.Errorf("target: %v", err)
	}
	s.assets = append(s.assets, s.assets[0])
	if _, err := client(t, url).Plan(t.Context(), patch("INF.10.A3")); !errors.Is(err, veo.ErrSeveral) {
		t.Errorf("two: %v", err)
	}
	for _, f := range []func(*veo.Options){
		func(o *veo.Options) { o.URL = "http://veo.example/" }, func(o *veo.Options) { o.URL = "" }, func(o *veo.Options) { o.URL = "https://u:p@veo.example" },
		func(o *veo.Options) { o.Token = "" }, func(o *veo.Options) { o.Token = "a b" }, func(o *veo.Options) { o.Unit = "x" }, func(o *veo.Options) { o.Type = "persons" },
		func(o *veo.Options) { o.URL = "://" }, func(o *veo.Options) { o.URL = "https://veo.example/?x" },
	} {
		o := veo.Options{URL: url, Token: token, Type: "assets"}
		f(&o)
		if _, err := veo.New(o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

// TestHostileServer: no ETag, no JSON, no end, another place.
func TestHostileServer(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the token went elsewhere") }))
	defer elsewhere.Close()
	page := fmt.Sprintf(`{"items":[{"id":%q,"abbreviation":"ratssaal"}],"pageCount":1000000000,"page":0}`, roomID)
	for name, answer := range map[string]http.HandlerFunc{
		"no JSON":  func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"no end":   func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, strings.Repeat(" ", 5<<20)) },
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"pages":    func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page) },
		"error":    func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"id": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"items":[{"id":"../../x","abbreviation":"ratssaal"}],"pageCount":1}`)
		},
		"no ETag": func(w http.ResponseWriter, r *http.Request) {
			switch {
			case strings.Contains(r.URL.Path, "implementations"):
				fmt.Fprint(w, `{"status":"UNKNOWN","origination":"SYSTEM_SPECIFIC"}`)
			case strings.Contains(r.URL.Path, "controls"):
				fmt.Fprintf(w, `{"items":[{"id":%q,"abbreviation":"INF.10.A3"}],"pageCount":1}`, id(1))
			default:
				fmt.Fprint(w, strings.Replace(page, "1000000000", "1", 1))
			}
		},
	} {
		n := 0
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { n++; answer(w, r) }))
		if _, err := client(t, srv.URL).Plan(t.Context(), patch("INF.10.A3")); err == nil || n > 60 {
			t.Errorf("%s: %d requests, %v", name, n, err)
		}
		srv.Close()
	}
}

func TestParseRefuses(t *testing.T) {
	good, err := json.Marshal(patch("INF.10.A3"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := veo.Parse(good); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{`"format":`: `"x":1,"format":`, veo.Format: "other/1", `"ratssaal"`: `"../x"`, `"PARTIAL"`: `"MAYBE"`, `"INF.10.A3"`: `""`,
		`"SYSTEM_SPECIFIC"`: `"ORGANIZATION"`, `"requirement_implementations":[`: `"requirement_implementations":[{},`} {
		if _, err := veo.Parse([]byte(strings.Replace(string(good), from, to, 1))); !errors.Is(err, veo.ErrForm) {
			t.Errorf("%s: %v", to, err)
		}
	}
	if _, err := veo.Parse(append(good, '1')); !errors.Is(err, veo.ErrForm) {
		t.Errorf("something behind it: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	b, err := json.Marshal(patch(all...))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"format":"subrosa-veo-patch/1"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := veo.Parse(b)
		if err != nil {
			return
		}
		again, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if q, err := veo.Parse(again); err != nil || len(q.Set) != len(p.Set) {
			t.Fatalf("%v: %q", err, again)
		}
	})
}
