package page

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"subrosa/cmd/console/internal/access"
	"subrosa/firmware/handout"
	"subrosa/firmware/session"
)

// exportForm orders the export of a month.
var exportForm = url.Values{"room": {"ratssaal/ratssaal-1"}, "from": {"2026-11-01"}, "to": {"2026-11-30"}}

// order presses the button and returns the job's page and path.
func (k *house) order() (path, page string) {
	k.t.Helper()
	resp, err := k.web.PostForm(k.srv.URL+"/export", exportForm)
	if err != nil {
		k.t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		k.t.Fatalf("order: %s", resp.Status)
	}
	_, page = k.get(resp.Request.URL.Path)
	return resp.Request.URL.Path, page
}

// page returns a page once it holds the words.
func (k *house) page(path, words string) string {
	k.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; {
		_, page := k.get(path)
		if strings.Contains(page, words) || time.Now().After(end) {
			return page
		}
	}
}

// TestExportJob shows progress while the bundle comes, and why it does not, in both languages; another account sees nothing.
func TestExportJob(t *testing.T) {
	k := newHouse(t)
	k.signIn()
	k.unit()
	k.report(session.Report{State: session.Open})
	for _, tt := range []struct {
		err    error
		de, en string
	}{
		{handout.ErrReach, "Die Raumeinheit antwortet nicht", "The unit does not answer"},
		{handout.ErrDeny, "lehnt das Zertifikat", "refuses the console’s certificate"},
		{handout.ErrBusy, "erstellt gerade ein anderes Paket", "making another bundle"},
		{handout.ErrLarge, "zu groß", "too large"},
		{handout.ErrEmpty, "noch keinen Eintrag", "no entry yet"},
		{fmt.Errorf("disk full"), "im Protokoll des Dienstes", "in the service’s log"},
	} {
		coming := make(chan struct{})
		k.fetch = func() error { <-coming; return tt.err }
		path, _ := k.order()
		for _, lang := range []string{"en", "de"} {
			want := map[string][]string{"de": {"Nachweispaket wird geholt", "1,5 von 3,0 MB", "data-poll"}, "en": {"Fetching the evidence", "1.5 of 3.0 MB", "data-poll"}}[lang]
			k.get("/login?lang=" + lang)
			page := k.page(path, want[1])
			for _, w := range want {
				if !strings.Contains(page, w) {
					t.Errorf("%s lacks %q:\n%s", lang, w, page)
				}
			}
			decent(t, path+" in "+lang, page)
		}
		if status, _ := k.post("/export", exportForm); status != http.StatusConflict {
			t.Errorf("a second order: %d", status)
		}
		close(coming)
		k.page(path, tt.de)
		for lang, want := range map[string]string{"de": tt.de, "en": tt.en} {
			k.get("/login?lang=" + lang)
			_, page := k.get(path)
			if !strings.Contains(strings.NewReplacer("&#39;", "’", "&rsquo;", "’").Replace(page), want) {
				t.Errorf("%s lacks %q:\n%s", lang, want, page)
			}
			decent(t, path+" in "+lang, page)
		}
		if status, _ := k.get(path + "/export.zip"); status != http.StatusNotFound {
			t.Errorf("a file of a failed export: %d", status)
		}
		k.now = k.now.Add(31 * time.Minute)
		k.signIn()
		if status, _ := k.get(path); status != http.StatusNotFound {
			t.Errorf("after half an hour: %d", status)
		}
	}
}

// TestExportNeedsTheRight: facility staff see neither the form nor its place in the navigation.
func TestExportNeedsTheRight(t *testing.T) {
	for role, may := range map[string]bool{"admin": true, "isms": true, "clerk": false, "facility": false, "viewer": false} {
		f := frame{Signed: true, Who: access.Who{Role: access.Role(role), Account: 1}}
		if got := f.May("export"); got != may {
			t.Errorf("%s: %v", role, got)
		}
	}
}
