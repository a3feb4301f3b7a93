package collector

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/golang-jwt/jwt/v5"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/fetch"
)

const (
	renewBefore = 5 * time.Minute // the end of a token
	oldToken    = 5 * time.Minute // an older one may lack what was granted since
)

// A microsoft365SignIn signs in as an app registration, by client credentials, and keeps the token.
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
type microsoft365SignIn struct {
	client   *fetch.Client
	address  string // of the token endpoint
	clientID string
	scope    string
	now      func() time.Time

	secret           func() (string, error) // nil = by certificate
	certificate, key string                 // file names

	token           string
	issued, expires time.Time
}

// bearer returns a token that is good for some minutes.
func (s *microsoft365SignIn) bearer(ctx context.Context) (string, error) {
	now := s.now()
	if s.token != "" && now.Before(s.expires.Add(-renewBefore)) {
		return s.token, nil
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {s.clientID}, "scope": {s.scope}}
	if err := s.identify(form, now); err != nil {
		return "", fmt.Errorf("sign in: %w", err)
	}
	var answer struct {
		Token string `json:"access_token"`
		Type  string `json:"token_type"`
		Lasts int64  `json:"expires_in"` // seconds
	}
	err := s.client.Do(ctx, fetch.Request{Form: form}, fetch.JSON(func(dec *jsontext.Decoder) error { return json.UnmarshalDecode(dec, &answer) }))
	switch {
	case err != nil:
		return "", fmt.Errorf("sign in: %w", err)
	case answer.Token == "" || !strings.EqualFold(answer.Type, "Bearer") || answer.Lasts <= 0 || answer.Lasts > 1<<20:
		return "", cause.Errorf(cause.BadResponse, "sign in: the answer has no token that can be used")
	}
	s.token, s.issued, s.expires = answer.Token, now, now.Add(time.Duration(answer.Lasts)*time.Second)
	return s.token, nil
}

// drop forgets a token that was refused, and tells whether another may do better: rights that were granted, and a
// secret that was renewed, show in the next one only.
func (s *microsoft365SignIn) drop() bool {
	old := s.now().Sub(s.issued) >= oldToken
	if old {
		s.token = ""
	}
	return old
}

// identify proves who we are, with what the files hold at present.
func (s *microsoft365SignIn) identify(form url.Values, now time.Time) error {
	if s.secret != nil {
		secret, err := s.secret()
		form.Set("client_secret", secret)
		return err
	}
	assertion, err := s.assertion(now)
	form.Set("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	form.Set("client_assertion", assertion)
	return err
}

// assertion signs that we are who the certificate was registered for.
// https://learn.microsoft.com/entra/identity-platform/certificate-credentials
func (s *microsoft365SignIn) assertion(now time.Time) (string, error) {
	certificate, err := os.ReadFile(s.certificate)
	if err != nil {
		return "", cause.Errorf(cause.Other, "%w", err)
	}
	key, err := os.ReadFile(s.key)
	if err != nil {
		return "", cause.Errorf(cause.Other, "%w", err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil { // which may quote what stands in the files
		return "", cause.Errorf(cause.Other, "certificate_file and certificate_key_file hold no certificate and its private key, as PEM")
	}
	private, ok := pair.PrivateKey.(*rsa.PrivateKey)
	if !ok {
		return "", cause.Errorf(cause.Other, "the key of certificate_key_file is not RSA, and Microsoft Entra takes no other")
	}
	fingerprint := sha256.Sum256(pair.Certificate[0])
	token := jwt.NewWithClaims(jwt.SigningMethodPS256, jwt.MapClaims{
		"aud": s.address, "iss": s.clientID, "sub": s.clientID, "jti": rand.Text(),
		"nbf": now.Unix(), "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	})
	token.Header["x5t#S256"] = base64.RawURLEncoding.EncodeToString(fingerprint[:])
	signed, err := token.SignedString(private)
	if err != nil {
		return "", cause.Errorf(cause.Other, "the key of certificate_key_file can't sign")
	}
	return signed, nil
}

// refusedSignIn says what the error codes of Microsoft Entra mean. Others are told as numbers: their texts name the
// tenant and the application. https://learn.microsoft.com/entra/identity-platform/reference-error-codes
func refusedSignIn(status int, dec *jsontext.Decoder) error {
	var answer struct {
		Codes []int64 `json:"error_codes"`
	}
	if err := json.UnmarshalDecode(dec, &answer); err != nil || len(answer.Codes) == 0 || status/100 != 4 {
		return err
	}
	why := ""
	switch answer.Codes[0] {
	case 7000215:
		why = "the client secret is not valid; client_secret_file must hold its value, not its id"
	case 7000222:
		why = "the client secret has expired; make a new one for the app registration"
	case 700027:
		why = "the certificate is not registered for the application, or has expired"
	case 700024:
		why = "the time of the certificate's assertion is wrong; is the clock of this machine right?"
	case 700016:
		why = "the tenant has no application with this client_id"
	case 90002, 900023:
		why = "there is no such tenant"
	case 7000112:
		why = "the application is disabled"
	case 53003:
		why = "a conditional access policy forbids it"
	case 90033, 90055:
		return fetch.Again(cause.Errorf(cause.Unavailable, "Microsoft Entra is out of order for the moment"))
	}
	if why != "" {
		why = ": " + why
	}
	return cause.Errorf(cause.Auth, "refused with AADSTS%d%s", answer.Codes[0], why)
}
