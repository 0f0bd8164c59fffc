package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	evidence "subrosa/firmware/bundle"
	"subrosa/firmware/checkpoint"
	"subrosa/firmware/stamp"
)

// stampFlags are the flags of stamp as they were typed.
type stampFlags struct {
	tsa, ca, out string
}

func newStampCommand() *cobra.Command {
	var f stampFlags
	cmd := &cobra.Command{
		Use:   "stamp --out FOLDER [--tsa URL] BUNDLE.zip|CHECKPOINT…",
		Short: "Have a time stamping authority vouch for a checkpoint (RFC 3161)",
		Long: `Has an outside authority stamp the head of a unit's journal: from then on nobody, not even with the unit's key, can
write another past. The authority learns a hash and nothing else. Three files come into --out for each checkpoint,
of the same name: UNIT-SIZE.checkpoint, .tsq (the request) and .tsr (the stamp).

Without --tsa only the request is written: carry the .tsq to a machine with a network, have it stamped there, for
example with

  curl -H 'Content-Type: application/timestamp-query' --data-binary @FILE.tsq -o FILE.tsr https://tsa.example/

and put the .tsr beside it. Run the same command again with --ca to check what came back.

"subrosa verify BUNDLE.zip --key PIN --stamp FILE.tsr --tsa-ca CA.pem" checks a bundle against it, also a later one.

Exit codes: 0 stamped, or requested; 2 unreadable, or the authority cannot be reached or refuses; 3 stamped, but by an
authority that is not under --ca; 64 wrong usage.`,
		Example: `  subrosa stamp --tsa https://zeitstempel.dfn.de --ca dfn.pem --out stempel/ november.zip
  subrosa stamp --out stempel/ STATE/journal/checkpoint`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runStamp(cmd.Context(), cmd.OutOrStdout(), f, args)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.tsa, "tsa", "", "`address` of the authority, http or https; not given: only a request is written")
	fl.StringVar(&f.ca, "ca", "", "certificates that the authority is trusted under, a PEM `file`")
	fl.StringVar(&f.out, "out", "", "`folder` for checkpoint, request and stamp")
	return cmd
}

func runStamp(ctx context.Context, stdout io.Writer, f stampFlags, args []string) error {
	if f.out == "" || len(args) == 0 {
		return usage(errors.New("--out FOLDER and a bundle or checkpoint are needed"))
	}
	if u, err := url.Parse(f.tsa); f.tsa != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "") {
		return usage(fmt.Errorf("--tsa %q: want an address such as https://tsa.example/", f.tsa))
	}
	pool, err := rootsOf("ca", f.ca)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(f.out, 0o755); err != nil {
		return err
	}
	for _, name := range args {
		if err := f.stamp(ctx, stdout, name, pool); err != nil {
			return err
		}
	}
	return nil
}

// rootsOf reads the certificates of a flag, nil if it was not given.
func rootsOf(flag, name string) (*x509.CertPool, error) {
	if name == "" {
		return nil, nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, exit{exitInput, err}
	}
	pool, err := stamp.ParseRoots(b)
	if err != nil {
		return nil, exit{exitInput, fmt.Errorf("--%s %s: %w", flag, name, err)}
	}
	return pool, nil
}

// stamp has one checkpoint stamped, or asks for it.
func (f stampFlags) stamp(ctx context.Context, stdout io.Writer, name string, pool *x509.CertPool) error {
	fail := func(err error) error { return exit{exitInput, fmt.Errorf("%s: %w", name, err)} }
	head, err := os.ReadFile(name)
	if err != nil {
		return exit{exitInput, err}
	}
	if strings.HasPrefix(string(head), "PK") {
		if head, err = evidence.Checkpoint(head); err != nil {
			return fail(err)
		}
	}
	c, err := checkpoint.Parse(head)
	if err != nil {
		return fail(err)
	}
	base := filepath.Join(f.out, fmt.Sprintf("%s-%d", fileName(c.Origin), c.N))
	answer, err := os.ReadFile(base + ".tsr")
	if err == nil { // carried back, or asked for before: a stamp is never asked for twice
		return f.judge(stdout, base, c, answer, pool)
	}
	request, err := stamp.Request(c, rand.Reader)
	if err != nil {
		return err
	}
	for ending, b := range map[string][]byte{".checkpoint": head, ".tsq": request} {
		if err := os.WriteFile(base+ending, b, 0o644); err != nil {
			return err
		}
	}
	if f.tsa == "" {
		fmt.Fprintln(stdout, base+".tsq")
		return nil
	}
	if answer, err = ask(ctx, f.tsa, request); err != nil {
		return exit{exitInput, fmt.Errorf("%s: %w; the request is in %s.tsq", f.tsa, err, base)}
	}
	if err := os.WriteFile(base+".tsr", answer, 0o644); err != nil {
		return err
	}
	return f.judge(stdout, base, c, answer, pool)
}

// judge says what a stamp is worth. One that is no stamp of this checkpoint is taken away, so that another can be had.
func (f stampFlags) judge(stdout io.Writer, base string, c checkpoint.Checkpoint, answer []byte, pool *x509.CertPool) error {
	bad := func(err error) error {
		return exit{exitInput, errors.Join(fmt.Errorf("%s.tsr: %w; it is now called %s.tsr.bad", base, err, base), os.Rename(base+".tsr", base+".tsr.bad"))}
	}
	s, err := stamp.Open(answer, pool)
	if errors.Is(err, stamp.ErrUnknown) {
		fmt.Fprintln(stdout, base+".tsr")
		return exit{3, fmt.Errorf("%w (--ca)", err)}
	}
	if err != nil {
		return bad(err)
	}
	if !s.Of(c) {
		return bad(stamp.ErrOther)
	}
	if request, err := os.ReadFile(base + ".tsq"); err == nil {
		if err := s.Answers(request); err != nil {
			return bad(err)
		}
	}
	fmt.Fprintf(stdout, "%s.tsr  %s  %s\n", base, s.At.Format(time.RFC3339), s.By)
	return nil
}

// ask sends a request as RFC 3161, section 3.4, says.
func ask(ctx context.Context, tsa string, request []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, tsa, bytes.NewReader(request))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", stamp.QueryType)
	r.Header.Set("Accept", stamp.ReplyType)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if got, _, _ := strings.Cut(resp.Header.Get("Content-Type"), ";"); resp.StatusCode != http.StatusOK || strings.TrimSpace(got) != stamp.ReplyType {
		return nil, fmt.Errorf("answered %s with %q, want 200 and %s", resp.Status, got, stamp.ReplyType)
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, stamp.MaxBytes+1))
	if err == nil && len(b) > stamp.MaxBytes {
		err = fmt.Errorf("more than %d bytes", stamp.MaxBytes)
	}
	return b, err
}

// stampsOf reads the stamps of verify, each with the checkpoint that lies beside it under the same name.
func stampsOf(names []string) (list []evidence.Stamp, err error) {
	for _, name := range names {
		var s evidence.Stamp
		if s.Answer, err = os.ReadFile(name); err != nil {
			return nil, exit{exitInput, fmt.Errorf("--stamp: %w", err)}
		}
		beside := strings.TrimSuffix(name, filepath.Ext(name)) + ".checkpoint"
		if s.Checkpoint, err = os.ReadFile(beside); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, exit{exitInput, fmt.Errorf("--stamp: %w", err)}
		}
		list = append(list, s)
	}
	return list, nil
}
