package access

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"subrosa/firmware/roster"
)

// Config is the part of a conference's configuration that is about access.
type Config struct {
	URL   string `json:"url"`
	Name  string `json:"name"`                  // of the conference, for authenticators and pages
	Bound bool   `json:"device_bound_passkeys"` // refuse passkeys that a maker's cloud may copy
	SSO   *SSO   `json:"sso,omitempty"`
	// Deny lists certificates that are shut out until they have ended: "unit:ratssaal-1".
	Deny []string `json:"deny,omitempty"`
}

// Fill puts the configuration into o. Files are relative to dir.
func (c Config) Fill(o *Options, dir string) error {
	if _, err := CheckURL(c.URL); err != nil {
		return err
	}
	if c.Name == "" || len(c.Name) > 64 {
		return fmt.Errorf("access: name: want 1 to 64 bytes, such as \"Konferenz Musterstadt\"")
	}
	o.URL, o.Name, o.Bound, o.Deny = c.URL, c.Name, c.Bound, c.Deny
	if c.SSO == nil {
		return nil
	}
	if err := c.SSO.load(dir); err != nil {
		return err
	}
	o.SSO = c.SSO
	return c.SSO.Check()
}

// load reads the secret and the key of the pseudonyms.
func (c *SSO) load(dir string) error {
	read := func(name string) (string, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return "", fmt.Errorf("access: sso: %w", err)
		}
		return strings.TrimSpace(string(b)), nil
	}
	var err error
	if c.SecretFile != "" {
		if c.Secret, err = read(c.SecretFile); err != nil {
			return err
		}
		if c.Secret == "" {
			return fmt.Errorf("access: sso: secret_file %s is empty", c.SecretFile)
		}
	}
	if c.PseudonymsFile == "" {
		return fmt.Errorf("access: sso: pseudonyms_file is missing: the key with which the roster's import makes pseudonyms, %d bytes in hex (openssl rand -hex %[1]d)", roster.KeyBytes)
	}
	text, err := read(c.PseudonymsFile)
	if err != nil {
		return err
	}
	key, err := hex.DecodeString(text)
	if err != nil {
		return fmt.Errorf("access: sso: pseudonyms_file %s is not %d bytes in hex (openssl rand -hex %[2]d)", c.PseudonymsFile, roster.KeyBytes)
	}
	if c.Pseudonyms, err = roster.NewPseudonyms(key); err != nil {
		return fmt.Errorf("access: sso: pseudonyms_file: %w", err)
	}
	return nil
}
