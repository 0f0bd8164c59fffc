package access

import (
	"fmt"
	"image/png"
	"io"
	"net/url"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"
)

// OTPAuth returns the otpauth address that authenticator apps read.
func OTPAuth(secret []byte, issuer, account string) string {
	q := url.Values{"secret": {SecretText(secret)}, "issuer": {issuer}, "period": {fmt.Sprint(totpPeriod)}, "digits": {"6"}, "algorithm": {"SHA1"}}
	return "otpauth://totp/" + url.PathEscape(issuer+":"+account) + "?" + q.Encode()
}

// WriteQR writes content as a PNG with a quiet zone.
func WriteQR(w io.Writer, content string) error {
	code, err := qr.Encode(content, qr.M, qr.Auto)
	if err != nil {
		return fmt.Errorf("access: QR code: %w", err)
	}
	n := code.Bounds().Dx()
	scaled, err := barcode.Scale(code, n*5, n*5)
	if err != nil {
		return fmt.Errorf("access: QR code: %w", err)
	}
	if err := png.Encode(w, scaled); err != nil {
		return fmt.Errorf("access: QR code: %w", err)
	}
	return nil
}
