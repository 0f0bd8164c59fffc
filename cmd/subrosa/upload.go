package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/spf13/cobra"

	evidence "subrosa/firmware/bundle"
	"subrosa/firmware/compliance"
	"subrosa/firmware/export"
	"subrosa/firmware/keyring"
	"subrosa/firmware/webdav"
)

// uploadFlags say where an export is put besides --out.
type uploadFlags struct {
	url, user, password string
}

func (f *uploadFlags) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.url, "upload", "", "also put the files into this WebDAV `folder`: https://cloud.example/remote.php/dav/files/USER/FOLDER")
	fl.StringVar(&f.user, "upload-user", "", "`user` there")
	fl.StringVar(&f.password, "upload-password", "", "`file` with the app password: one line, readable by you alone")
}

// open checks the flags before anything is made; nil: nothing is to be put anywhere.
func (f *uploadFlags) open(replace bool, stderr io.Writer) (*webdav.Folder, error) {
	if f.url == "" {
		if f.user != "" || f.password != "" {
			return nil, usage(errors.New("--upload-user and --upload-password want --upload"))
		}
		return nil, nil
	}
	o := webdav.Options{URL: f.url, User: f.user, Replace: replace, Progress: func(name string, bytes int, there bool) {
		word := "sending"
		if there {
			word = "there already:"
		}
		fmt.Fprintf(stderr, "%s %s (%d bytes)\n", word, name, bytes)
	}}
	if f.user != "" {
		var err error
		if o.Password, err = readSecret("--upload-password", f.password); err != nil {
			return nil, err
		}
	}
	folder, err := webdav.Open(o)
	return folder, usage(err)
}

// readSecret reads a password from a file, never from the command line, which everyone on the machine sees.
func readSecret(flag, name string) (string, error) {
	if name == "" {
		return "", usage(fmt.Errorf("%s FILE is missing", flag))
	}
	fi, err := os.Stat(name)
	if err != nil {
		return "", exit{exitInput, err}
	}
	if fi.Mode().Perm()&0o077 != 0 {
		return "", exit{exitInput, fmt.Errorf("%s: others can read it: chmod 600 %s", name, name)}
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return "", exit{exitInput, err}
	}
	s := strings.TrimRight(string(b), "\r\n")
	if s == "" || strings.ContainsAny(s, "\r\n") {
		return "", exit{exitInput, fmt.Errorf("%s: want one line", name)}
	}
	return s, nil
}

// upload puts the files.
func upload(ctx context.Context, folder *webdav.Folder, files []export.File) error {
	if folder == nil {
		return nil
	}
	var list []webdav.File
	for _, f := range files {
		list = append(list, webdav.File{Name: f.Name, Data: f.Data})
	}
	return folder.Put(ctx, list)
}

// proofFile makes the evidence bundle of a period, to lie beside the other files.
func proofFile(state string, p compliance.Period, key keyring.Key, stderr io.Writer) (export.File, *evidence.Report, error) {
	b, report, err := makeBundle(state, evidence.Options{From: p.From, To: p.To, Signer: key.Signer, Public: key.Public}, stderr)
	if err != nil {
		return export.File{}, nil, err
	}
	name := fmt.Sprintf("%s-%s-bis-%s.zip", key.Unit, p.From.Format("2006-01-02"), p.To.AddDate(0, 0, -1).Format("2006-01-02"))
	return export.File{Name: path.Join(export.Folder, name), Data: b}, report, nil
}
