package main

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"subrosa/firmware/config"
	"subrosa/firmware/shadow"
	"subrosa/firmware/topic"
	"subrosa/mdm"
	"subrosa/mdm/amapi"
	"subrosa/mdm/fleet"
	"subrosa/mdm/headwind"
	"subrosa/mdm/imported"
	"subrosa/mdm/intune"
	"subrosa/mdm/manual"
)

// openAMAPI: fully managed Android. Options: enterprise, account_file, microphone, assistants.
func openAMAPI(p parts) (mdm.Backend, error) {
	var o struct {
		Enterprise string   `json:"enterprise"`
		Account    string   `json:"account_file"`
		Microphone bool     `json:"microphone"`
		Assistants []string `json:"assistants"`
	}
	if err := p.decode(&o); err != nil {
		return nil, err
	}
	key, err := secret(o.Account)
	if err != nil {
		return nil, err
	}
	return amapi.New(amapi.Options{Enterprise: o.Enterprise, Account: []byte(key), Microphone: o.Microphone, Assistants: o.Assistants, Keep: p.keep})
}

// openHeadwind: Android by Headwind MDM. Options: url, user, password_file, plans.
func openHeadwind(p parts) (mdm.Backend, error) {
	var o struct {
		URL      string          `json:"url"`
		User     string          `json:"user"`
		Password string          `json:"password_file"`
		Plans    []headwind.Plan `json:"plans"`
	}
	if err := p.decode(&o); err != nil {
		return nil, err
	}
	pass, err := secret(o.Password)
	if err != nil {
		return nil, err
	}
	return headwind.New(headwind.Options{URL: o.URL, User: o.User, Password: pass, Plans: o.Plans})
}

// openFleet: Apple's devices at Fleet. Options: url, token_file.
func openFleet(p parts) (mdm.Backend, error) {
	var o struct {
		URL   string `json:"url"`
		Token string `json:"token_file"`
	}
	if err := p.decode(&o); err != nil {
		return nil, err
	}
	token, err := secret(o.Token)
	if err != nil {
		return nil, err
	}
	return fleet.New(fleet.Options{URL: o.URL, Token: token})
}

// openIntune: the standing posture at Intune. Options: tenant, client, secret_file, profiles.
func openIntune(p parts) (mdm.Backend, error) {
	var o struct {
		Tenant   string                    `json:"tenant"`
		Client   string                    `json:"client"`
		Secret   string                    `json:"secret_file"`
		Profiles map[string]intune.Profile `json:"profiles"`
	}
	if err := p.decode(&o); err != nil {
		return nil, err
	}
	s, err := secret(o.Secret)
	if err != nil {
		return nil, err
	}
	return intune.New(intune.Options{Tenant: o.Tenant, Client: o.Client, Secret: s, Profiles: o.Profiles})
}

// paper is the checklist with its door for `mdmbridge manual`: on loopback, and with a key.
type paper struct {
	*manual.Backend
	key string
}

type paperOptions struct {
	Key string `json:"key_file"`
}

// openManual: a checklist. Options: key_file, which whoever signs can read.
func openManual(p parts) (mdm.Backend, error) {
	var o paperOptions
	if err := p.decode(&o); err != nil {
		return nil, err
	}
	key, err := secret(o.Key)
	if err != nil {
		return nil, err
	}
	if len(key) < 16 {
		return nil, errors.New("config: key_file of the checklist: at least 16 characters")
	}
	b, err := manual.New(p.keep, time.Now, p.devices)
	return paper{b, key}, err
}

type signature struct {
	Device string `json:"device"`
	Role   string `json:"role"`
	Done   bool   `json:"done"`
}

// ServeHTTP lists the points that are open, or takes a signature.
func (p paper) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	given := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if subtle.ConstantTimeCompare([]byte(given), []byte(p.key)) != 1 {
		http.Error(w, "wrong key", http.StatusForbidden)
		return
	}
	if r.Method == http.MethodPost {
		var s signature
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096))
		d.DisallowUnknownFields()
		if err := d.Decode(&s); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := p.Sign(s.Device, s.Role, s.Done); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(p.Open()) //nolint:errcheck // the other side is gone
}

// more are the commands for what is no connector's own.
var more = map[string]func(ctx context.Context, args []string, stdout, stderr io.Writer) error{"manual": runManual, "import": runImport}

// flags that manual and import share.
func moreFlags(name string, stderr io.Writer) (fs *flag.FlagSet, path, state, conn *string) {
	fs = flag.NewFlagSet("mdmbridge "+name, flag.ContinueOnError)
	fs.SetOutput(stderr)
	path = fs.String("config", "/etc/subrosa/mdmbridge.json", "configuration `file`")
	state = fs.String("state", "./.state/mdmbridge", "`folder` of what must survive a restart")
	conn = fs.String("conn", "", "`id` of the connector, as in the certificate")
	return fs, path, state, conn
}

func parseMore(fs *flag.FlagSet, args []string, files int) error {
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if fs.NArg() != files {
		return fmt.Errorf("%w: %d names of files, want %d", errUsage, fs.NArg(), files)
	}
	return nil
}

// runManual shows the checklist of a running bridge, or signs a point of it.
func runManual(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs, path, _, conn := moreFlags("manual", stderr)
	device := fs.String("sign", "", "`id` of the device that was looked at")
	role := fs.String("role", "", "of who signs: "+strings.Join(manual.Roles, ", "))
	refused := fs.Bool("refused", false, "it was not done")
	if err := parseMore(fs, args, 0); err != nil {
		return err
	}
	c := defaults()
	if err := config.Load(*path, &c, false); err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	var o paperOptions
	for _, k := range c.Connectors {
		if k.ID == *conn && k.Kind == "manual" {
			if err := config.Decode(k.Options, &o); err != nil {
				return fmt.Errorf("%w: %w", errInput, err)
			}
		}
	}
	zone, err := c.zone()
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	if o.Key == "" {
		return fmt.Errorf("%w: no connector %q of kind manual in %s: --conn names it", errInput, *conn, *path)
	}
	key, err := secret(o.Key)
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	method, body := http.MethodGet, ""
	if *device != "" {
		b, err := json.Marshal(signature{*device, *role, !*refused})
		if err != nil {
			return err
		}
		method, body = http.MethodPost, string(b)
	}
	ctx, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.Listen+"/webhook/"+*conn, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("the bridge does not answer; does it run? %w", err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(resp.Body, 8<<20))
	if err != nil || resp.StatusCode != http.StatusOK {
		return errors.Join(err, fmt.Errorf("%s: %.300s", resp.Status, raw))
	}
	var list []mdm.Point
	if err := json.Unmarshal(raw, &list); err != nil {
		return err
	}
	printPoints(stdout, list, zone)
	return nil
}

var kindWords = map[string]string{"stand": "dauerhaft aus / always off", "lock": "für die Sitzung aus / off for the session", "free": "wieder freigeben / give back"}

func printPoints(out io.Writer, list []mdm.Point, zone *time.Location) {
	if len(list) == 0 {
		fmt.Fprintln(out, "nichts zu unterschreiben / nothing to be signed")
	}
	for _, p := range list {
		fmt.Fprintf(out, "%-20s %-44s %s", p.Device, kindWords[p.Kind], strings.Join(p.Off, ", "))
		if !p.Until.IsZero() {
			fmt.Fprintf(out, "  bis / until %s", p.Until.In(zone).Format("15:04"))
		}
		fmt.Fprintln(out)
	}
}

// runImport reads another management's list and publishes the posture that it shows.
func runImport(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	fs, path, folder, conn := moreFlags("import", stderr)
	fresh := fs.Duration("fresh", imported.Fresh, "how long a line counts after its device was heard of")
	standing := fs.String("standing", "assistant", "what must be off, separated by commas")
	dry := fs.Bool("dry-run", false, "only say what the list shows")
	if err := parseMore(fs, args, 1); err != nil {
		return err
	}
	want, opt, err := mdm.ParseSet(strings.Split(*standing, ","))
	if err != nil || opt != 0 || *fresh <= 0 || *fresh > 31*24*time.Hour {
		return fmt.Errorf("%w: --standing %s, --fresh %v (up to 31 days): %w", errUsage, *standing, *fresh, errors.Join(err, errors.New("cannot be")))
	}
	b, err := os.ReadFile(fs.Arg(0))
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	c := defaults()
	if err := config.Load(*path, &c, false); err != nil && !(*dry && errors.Is(err, os.ErrNotExist)) {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	zone, err := c.zone()
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	now := time.Now()
	report, err := imported.ParseCSV(b, now, zone)
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	p := report.Posture(now, want, *fresh)
	as := "–"
	if !p.At.IsZero() {
		as = p.At.In(zone).Format("02.01. 15:04")
	}
	fmt.Fprintf(stdout, "%d von %d aus (erklärt, nicht nachgewiesen), Stand %s / %d of %d off (declared, not proven); an / on: %d, unbekannt oder zu alt / unknown or too old: %d\n",
		p.Off, p.Total, as, p.Off, p.Total, p.Counts[mdm.Error], p.Counts[mdm.Unknown])
	if *dry {
		return nil
	}
	return publish(ctx, c, *folder, *conn, p)
}

// publish puts a posture on mdm/{conn}/posture and waits until the broker has it.
func publish(ctx context.Context, c Config, folder, conn string, p mdm.Posture) error {
	if err := topic.CheckID(conn); err != nil {
		return fmt.Errorf("%w: --conn: %w", errUsage, err)
	}
	for _, k := range c.Connectors {
		if k.ID == conn {
			return fmt.Errorf("%w: connector %s is the bridge's own, which writes its posture itself; take another id", errInput, conn)
		}
	}
	conf, err := c.tls()
	if err == nil {
		err = c.names(conf, conn)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	s, err := shadow.Open(shadow.Options{Broker: c.Broker, TLS: conf, Identity: topic.Identity{Role: topic.MDMBridge, Conns: []string{conn}},
		ClientID: "mdmbridge-import-" + conn, Dir: filepath.Join(folder, "import-"+conn)})
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Report(topic.MDMPosture(conn), p); err != nil && !errors.Is(err, shadow.ErrUnsaved) {
		return err
	}
	ctx, stop := context.WithTimeout(ctx, time.Minute)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t := time.NewTicker(50 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			if st := s.Status(); st.Connected && st.Queued == 0 {
				stop()
				return <-done
			}
		case err := <-done:
			return errors.Join(err, fmt.Errorf("the broker has not taken it: %s", s.Status()))
		}
	}
}
