package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	conf "subrosa/firmware/config"
	"subrosa/firmware/topic"

	"subrosa/cmd/console/internal/access"
	"subrosa/cmd/console/internal/broker"
	"subrosa/cmd/console/internal/desk"
)

var (
	errUsage = errors.New("usage")
	errInput = errors.New("input")
)

const defaultConfig = "/etc/subrosa/console.json"

// config is the file, over defaults; flags of the same names win.
type config struct {
	State         string               `json:"state"`
	Lang          string               `json:"lang"`            // de or en: for those who have not chosen
	Site          string               `json:"site"`            // name of the site, for authenticator apps
	URL           string               `json:"url"`             // where people reach the pages; "" = from listen
	Listen        string               `json:"listen"`          // pages
	TLS           string               `json:"tls"`             // folder with cert.pem and key.pem of the pages; "" = no TLS
	MQTTListen    string               `json:"mqtt_listen"`     // broker, with mqtt_tls
	MQTTTLS       string               `json:"mqtt_tls"`        // folder with cert.pem, key.pem and ca.pem of the broker
	MQTTDevListen string               `json:"mqtt_dev_listen"` // broker without TLS, loopback, development only; "" = none
	Deny          []string             `json:"deny"`            // identities shut out, such as "unit:ratssaal-1"
	Broker        string               `json:"broker"`          // outside broker, tls://host:8883; "" = the one inside
	ClientTLS     string               `json:"client_tls"`      // folder with cert.pem, key.pem and ca.pem of the console: for broker and units
	Rooms         map[string]string    `json:"rooms"`           // names of rooms by id
	Units         map[string]desk.Unit `json:"units"`           // where units give their evidence, by id; needs client_tls
	Timezone      string               `json:"timezone"`
	DetailDays    int                  `json:"detail_days"`  // details of alarms are deleted after so many days, 1 to 30
	SessionDays   int                  `json:"session_days"` // states of sessions, 1 to 365

	location  *time.Location
	printLink bool
	demo      bool
	demoToken string
}

func defaults() config {
	return config{
		State: ".state", Lang: "de", Site: "Leitstelle", Listen: "127.0.0.1:8080", MQTTListen: ":8883", Timezone: "Europe/Berlin",
		DetailDays: 30, SessionDays: 30,
	}
}

// settings reads flags and file. Errors wrap errUsage or errInput.
func settings(args []string, stderr io.Writer) (config, error) {
	c := defaults()
	fs := flag.NewFlagSet("console", flag.ContinueOnError)
	fs.SetOutput(stderr)
	path := fs.String("config", "", "configuration `file` (default "+defaultConfig+", if it exists)")
	values := map[string]*string{}
	for name, f := range map[string]struct {
		to    *string
		usage string
	}{
		"state":           {&c.State, "`folder` for the state"},
		"lang":            {&c.Lang, "`language` of the pages for those who have not chosen, de or en"},
		"url":             {&c.URL, "`address` where people reach the pages, for links"},
		"listen":          {&c.Listen, "`address` of the pages"},
		"tls":             {&c.TLS, "`folder` with cert.pem and key.pem of the pages"},
		"mqtt-listen":     {&c.MQTTListen, "`address` of the broker with mutual TLS, needs --mqtt-tls"},
		"mqtt-tls":        {&c.MQTTTLS, "`folder` with cert.pem, key.pem and ca.pem of the broker"},
		"mqtt-dev-listen": {&c.MQTTDevListen, "loopback `address` of the broker without TLS, for development"},
		"broker":          {&c.Broker, "`URL` of an outside broker instead of the one inside"},
		"client-tls":      {&c.ClientTLS, "`folder` with cert.pem, key.pem and ca.pem of the console, for --broker and units"},
	} {
		values[name] = fs.String(name, *f.to, f.usage)
	}
	dev := fs.Bool("dev", false, "development: --mqtt-dev-listen 127.0.0.1:1883")
	fs.BoolVar(&c.printLink, "print-link", false, "print a fresh link for the first administrator and end")
	fs.BoolVar(&c.demo, "demo", false, "print a link that signs in once without an account; loopback only")
	link := fs.String("demo-link", "", "like --demo, with the given `path` /demo/TOKEN, the token at least 22 characters long")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return c, err
		}
		return c, fmt.Errorf("%w: %w", errUsage, err)
	}
	if fs.NArg() > 0 {
		return c, fmt.Errorf("%w: unexpected argument %q", errUsage, fs.Arg(0))
	}
	if err := load(*path, &c); err != nil {
		return c, err
	}
	fs.Visit(func(f *flag.Flag) { c.override(f.Name, values) })
	if *dev && c.MQTTDevListen == "" {
		c.MQTTDevListen = "127.0.0.1:1883"
	}
	if *link != "" {
		token, ok := strings.CutPrefix(*link, "/demo/")
		if !ok || strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" || len(token) < 22 {
			return c, fmt.Errorf("%w: --demo-link wants /demo/TOKEN, the token at least 22 of A-Z, a-z, 0-9, - and _", errUsage)
		}
		c.demo, c.demoToken = true, token
	}
	return c, c.check()
}

func load(path string, c *config) error {
	optional := path == ""
	if optional {
		path = defaultConfig
	}
	if err := conf.Load(path, c, optional); err != nil {
		return fmt.Errorf("%w: %w", errInput, err)
	}
	return nil
}

func (c *config) override(name string, values map[string]*string) {
	for flagName, to := range map[string]*string{
		"state": &c.State, "lang": &c.Lang, "url": &c.URL, "listen": &c.Listen, "tls": &c.TLS, "mqtt-listen": &c.MQTTListen,
		"mqtt-tls": &c.MQTTTLS, "mqtt-dev-listen": &c.MQTTDevListen, "broker": &c.Broker, "client-tls": &c.ClientTLS,
	} {
		if flagName == name {
			*to = *values[name]
		}
	}
}

// check refuses what cannot be meant.
func (c *config) check() (err error) {
	bad := func(format string, a ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{errUsage}, a...)...)
	}
	if c.location, err = time.LoadLocation(c.Timezone); err != nil {
		return bad("timezone: %w", err)
	}
	for id, name := range c.Rooms {
		if err := topic.CheckID(id); err != nil || name == "" || len(name) > 80 {
			return bad("rooms: %q: a room needs a valid id and a name", id)
		}
	}
	for id, u := range c.Units {
		if err := errors.Join(topic.CheckID(id), u.Check()); err != nil {
			return bad("units: %q: %w", id, err)
		}
	}
	switch {
	case len(c.Units) > 0 && c.ClientTLS == "":
		return bad("units need client_tls, the console's certificate")
	case c.Lang != "de" && c.Lang != "en":
		return bad("lang is %q, want de or en", c.Lang)
	case c.DetailDays < 1 || c.DetailDays > 30:
		return bad("detail_days is %d, want 1 to 30", c.DetailDays)
	case c.SessionDays < 1 || c.SessionDays > 365:
		return bad("session_days is %d, want 1 to 365", c.SessionDays)
	case c.Broker != "" && (c.MQTTTLS != "" || c.MQTTDevListen != ""):
		return bad("an outside broker and one inside exclude each other")
	}
	if c.demo {
		if err := access.CheckListen(c.Listen); err != nil {
			return bad("%w", err)
		}
	}
	if c.MQTTDevListen != "" {
		if err := broker.CheckLoopback(c.MQTTDevListen); err != nil {
			return bad("mqtt-dev-listen: %w", err)
		}
	}
	if c.TLS == "" {
		if err := broker.CheckLoopback(c.Listen); err != nil {
			return bad("pages without TLS (--tls) are for this machine only: %w", err)
		}
	}
	return nil
}
