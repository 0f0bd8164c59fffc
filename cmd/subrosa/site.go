package main

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"subrosa/provisioning/site"
)

// siteFlags are the flags that the site commands share.
type siteFlags struct {
	state, config string
	json          bool
	out           string
	name, domain  string
	units         []string // ID=ROOM
	loopback      bool
	replace       bool
}

// dir is where the site lies.
func (f *siteFlags) dir() string { return filepath.Join(f.state, "site") }

func newSiteCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "site",
		Short: "Make and keep the certificates and names of a site",
		Long: `Makes and keeps a site: its authority, and for the broker, the console, every unit and gateway a bundle
with certificate and key. The site lies in STATE/site; guard STATE/site/ca above all.

A plan (--config) is JSON: {"name":"Stadt Musterstadt","domain":"raum.example","units":[{"id":"ratssaal-1",
"room":"ratssaal"}]}, and may name broker, page, gateways, confds, conns and agents.`,
		Example: `  subrosa site init --name "Stadt Musterstadt" --domain raum.example --unit ratssaal-1=ratssaal
  subrosa site issue --unit ausschuss-1=ausschuss
  subrosa site pack unit/ausschuss-1 --out ausschuss-1.tar
  subrosa site renew
  subrosa site show`,
		Args: cobra.ArbitraryArgs,
		RunE: helpOnly,
	}
	cmd.AddCommand(newSiteInit(), newSiteIssue(), newSiteRenew(), newSiteShow(), newSitePack())
	return cmd
}

func (f *siteFlags) register(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&f.state, "state", "./.state", "`folder` in which the site lies")
	return cmd
}

func newSiteInit() *cobra.Command {
	var f siteFlags
	cmd := f.register(&cobra.Command{
		Use:   "init",
		Short: "Make a new site",
		Example: `  subrosa site init --name "Stadt Musterstadt" --domain raum.example --unit ratssaal-1=ratssaal
  subrosa site init --config plan.json --state /var/lib/subrosa`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			plan, err := f.plan(site.Plan{})
			if err != nil {
				return err
			}
			create := site.Init
			if f.replace {
				create = site.Replace
			}
			s, err := create(f.dir(), plan, time.Now(), rand.Reader)
			if errors.Is(err, site.ErrExists) {
				return fmt.Errorf("%w (--replace makes a new one; every unit then needs its new bundle)", err)
			}
			if err != nil {
				return err
			}
			return f.show(cmd.OutOrStdout(), s)
		},
	})
	f.planFlags(cmd)
	cmd.Flags().BoolVar(&f.loopback, "loopback", false, "every server is also localhost: development only")
	cmd.Flags().BoolVar(&f.replace, "replace", false, "keep an existing site as site.old and make a new one")
	cmd.Flags().StringVar(&f.name, "name", "", "name of the site, for people")
	cmd.Flags().StringVar(&f.domain, "domain", "", "domain of all its servers: raum.example")
	cmd.Flags().BoolVar(&f.json, "json", false, "one line of JSON per bundle")
	return cmd
}

func (f *siteFlags) planFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.config, "config", "", "the plan, a JSON `file`")
	cmd.Flags().StringSliceVar(&f.units, "unit", nil, "add a unit, as `ID=ROOM`; may be given several times")
}

// plan returns the plan that the flags make of old.
func (f *siteFlags) plan(old site.Plan) (site.Plan, error) {
	p := old
	if f.config != "" {
		b, err := os.ReadFile(f.config)
		if err != nil {
			return p, exit{exitInput, err}
		}
		if p, err = site.ParsePlan(b); err != nil {
			return p, exit{exitInput, fmt.Errorf("%s: %w", f.config, err)}
		}
	}
	if f.name != "" {
		p.Name = f.name
	}
	if f.domain != "" {
		p.Domain = strings.ToLower(f.domain)
	}
	p.Loopback = p.Loopback || f.loopback
	p.Units = slices.Clone(p.Units)
	for _, u := range f.units {
		id, room, ok := strings.Cut(u, "=")
		if !ok || id == "" || room == "" {
			return p, usage(fmt.Errorf("--unit %q: want ID=ROOM, such as ratssaal-1=ratssaal", u))
		}
		p.Units = append(p.Units, site.Unit{ID: id, Room: room})
	}
	return p, usage(p.Check())
}

func newSiteIssue() *cobra.Command {
	var f siteFlags
	cmd := f.register(&cobra.Command{
		Use:   "issue",
		Short: "Issue what a changed plan adds or alters",
		Long: `Brings the site in line with a changed plan (--config), or with more units (--unit): issues the bundles that
are missing, damaged, no longer fit or have less than 60 days left. What the plan no longer names is left alone.`,
		Example: `  subrosa site issue --unit ausschuss-1=ausschuss
  subrosa site issue --config plan.json`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := f.load()
			if err != nil {
				return err
			}
			plan, err := f.plan(s.Plan())
			if err != nil {
				return err
			}
			issued, err := s.Apply(plan, time.Now(), rand.Reader)
			return f.issued(cmd.OutOrStdout(), issued, err)
		},
	})
	f.planFlags(cmd)
	cmd.Flags().BoolVar(&f.json, "json", false, "one line of JSON per bundle")
	return cmd
}

func newSiteRenew() *cobra.Command {
	var f siteFlags
	cmd := f.register(&cobra.Command{
		Use:     "renew",
		Short:   "Issue anew what has less than 60 days left",
		Example: "  subrosa site renew --state /var/lib/subrosa",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := f.load()
			if err != nil {
				return err
			}
			issued, err := s.Renew(time.Now(), rand.Reader)
			return f.issued(cmd.OutOrStdout(), issued, err)
		},
	})
	cmd.Flags().BoolVar(&f.json, "json", false, "one line of JSON per bundle")
	return cmd
}

func newSiteShow() *cobra.Command {
	var f siteFlags
	cmd := f.register(&cobra.Command{
		Use:     "show",
		Short:   "Show the bundles, their names and until when they are good",
		Example: "  subrosa site show --json",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := f.load()
			if err != nil {
				return err
			}
			return f.show(cmd.OutOrStdout(), s)
		},
	})
	cmd.Flags().BoolVar(&f.json, "json", false, "one line of JSON per bundle")
	return cmd
}

func newSitePack() *cobra.Command {
	var f siteFlags
	cmd := f.register(&cobra.Command{
		Use:     "pack BUNDLE",
		Short:   "Write a bundle as a tar archive, to carry it to its machine",
		Long:    "Writes a bundle, such as unit/ratssaal-1, as a tar archive. It holds a private key: guard it.",
		Example: "  subrosa site pack unit/ratssaal-1 --out ratssaal-1.tar",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			s, err := f.load()
			if err != nil {
				return err
			}
			if f.out == "" {
				if isTerminal(cmd.OutOrStdout()) {
					return usage(errors.New("a private key is not for the screen: give --out"))
				}
				return s.WriteBundle(cmd.OutOrStdout(), args[0])
			}
			file, err := os.OpenFile(f.out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if err != nil {
				return err
			}
			if err := errors.Join(s.WriteBundle(file, args[0]), file.Close()); err != nil {
				return errors.Join(err, os.Remove(f.out))
			}
			return nil
		},
	})
	cmd.Flags().StringVar(&f.out, "out", "", "archive to write; must not exist")
	return cmd
}

func (f *siteFlags) load() (*site.Site, error) {
	s, err := site.Load(f.dir())
	if err != nil {
		return nil, exit{exitInput, err}
	}
	return s, nil
}

// bundle is a bundle as show tells it.
type bundle struct {
	Bundle string    `json:"bundle"`
	Names  []string  `json:"names"` // hosts and URNs
	Until  time.Time `json:"until"`
	Days   int       `json:"days"` // left; negative when over
}

// show lists every bundle that the site holds.
func (f *siteFlags) show(w io.Writer, s *site.Site) error {
	bundles, err := f.bundles()
	if err != nil {
		return exit{exitInput, err}
	}
	if f.json {
		return writeBundles(w, bundles)
	}
	p := s.Plan()
	fmt.Fprintf(w, "%s · %s · %s\n\n", p.Name, p.Domain, f.dir())
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "BUNDLE\tUNTIL\tDAYS\tNAMES")
	for _, b := range bundles {
		fmt.Fprintf(t, "%s\t%s\t%d\t%s\n", b.Bundle, b.Until.Format(time.DateOnly), b.Days, strings.Join(b.Names, " "))
	}
	return t.Flush()
}

func writeBundles(w io.Writer, bundles []bundle) error {
	e := json.NewEncoder(w)
	for _, b := range bundles {
		if err := e.Encode(b); err != nil {
			return err
		}
	}
	return nil
}

// issued tells which bundles were issued.
func (f *siteFlags) issued(w io.Writer, names []string, err error) error {
	if f.json {
		var out []bundle
		for _, n := range names {
			b, rerr := readBundle(f.dir(), n)
			if rerr != nil {
				return errors.Join(err, rerr)
			}
			out = append(out, b)
		}
		return errors.Join(err, writeBundles(w, out))
	}
	for _, n := range names {
		fmt.Fprintln(w, n)
	}
	if len(names) == 0 && err == nil {
		fmt.Fprintln(w, "nothing to do: every certificate fits and has 60 days left or more")
	}
	return err
}

// bundles reads the certificates below the site's folder, in order; what is left of interrupted changes is skipped.
func (f *siteFlags) bundles() (out []bundle, err error) {
	err = filepath.WalkDir(f.dir(), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != f.dir():
			return fs.SkipDir
		case d.IsDir() || d.Name() != "cert.pem":
			return nil
		}
		name, err := filepath.Rel(f.dir(), filepath.Dir(path))
		if err != nil {
			return err
		}
		b, err := readBundle(f.dir(), name)
		out = append(out, b)
		return err
	})
	return out, err
}

func readBundle(dir, name string) (bundle, error) {
	path := filepath.Join(dir, name, "cert.pem")
	raw, err := os.ReadFile(path)
	if err != nil {
		return bundle{}, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return bundle{}, fmt.Errorf("%s holds no certificate", path)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return bundle{}, fmt.Errorf("%s: %w", path, err)
	}
	b := bundle{Bundle: filepath.ToSlash(name), Until: cert.NotAfter, Names: slices.Clone(cert.DNSNames),
		Days: int(time.Until(cert.NotAfter).Hours() / 24)}
	for _, ip := range cert.IPAddresses {
		b.Names = append(b.Names, ip.String())
	}
	for _, u := range cert.URIs {
		b.Names = append(b.Names, u.String())
	}
	if cert.IsCA {
		b.Names = append(b.Names, cert.Subject.CommonName)
	}
	return b, nil
}
