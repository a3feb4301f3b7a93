package tenant

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // older assertions name a certificate by it
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// A token is opaque to clients; what it may do was settled when it was issued.
type token struct {
	expires time.Time
	roles   map[string]bool
}

// login is the authority: POST /{tenant}/oauth2/v2.0/token.
func (t *Tenant) login(w http.ResponseWriter, r *http.Request) {
	t.requests["token"]++
	if refusal, ok := t.s.Refuse["token"]; ok {
		t.refuseToken(w, refusal.Status, refusal.Code, 90033, refusal.Message)
		return
	}
	of, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if path != "oauth2/v2.0/token" || r.Method != http.MethodPost {
		t.violate("login: %s %s is no token request", r.Method, r.URL.Path)
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if r.URL.RawQuery != "" || r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" {
		t.violate("login: credentials belong in the form alone")
	}
	if !strings.EqualFold(of, t.o.TenantID) && !strings.EqualFold(of, t.o.Domain) {
		t.refuseToken(w, 400, "invalid_request", 90002, fmt.Sprintf("Tenant '%s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. "+
			"Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.", of))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	form, formErr := url.ParseQuery(string(body))
	if contentType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); err != nil || formErr != nil || contentType != "application/x-www-form-urlencoded" {
		t.violate("login: the body is no form")
		t.refuseToken(w, 400, "invalid_request", 900144, "The request body must contain the following parameter: 'grant_type'.")
		return
	}
	t.grant(w, of, form)
}

// grant checks a token request in the order in which the authority does.
func (t *Tenant) grant(w http.ResponseWriter, of string, form url.Values) {
	for name, values := range form {
		if len(values) > 1 {
			t.violate("login: %s twice", name)
		}
	}
	for _, name := range []string{"grant_type", "client_id", "scope"} {
		if form.Get(name) == "" {
			t.violate("login: without %s", name)
			t.refuseToken(w, 400, "invalid_request", 900144, fmt.Sprintf("The request body must contain the following parameter: '%s'.", name))
			return
		}
	}
	if form.Get("grant_type") != "client_credentials" {
		t.violate("login: grant_type %s", form.Get("grant_type"))
		t.refuseToken(w, 400, "unsupported_grant_type", 70003, fmt.Sprintf("The app requested an unsupported grant type '%s'.", form.Get("grant_type")))
		return
	}
	if form.Get("client_id") != t.o.ClientID {
		const code = "unauthorized_client" //nolint:misspell // the protocol's own word
		t.refuseToken(w, 400, code, 700016, fmt.Sprintf("Application with identifier '%s' was not found in the directory '%s'. This can happen if the application has not been "+
			"installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.", form.Get("client_id"), of))
		return
	}
	switch scope, ok := strings.CutSuffix(form.Get("scope"), "/.default"); {
	case !ok:
		t.violate("login: scope %s", form.Get("scope"))
		t.refuseToken(w, 400, "invalid_scope", 1002012, fmt.Sprintf("The provided value for scope %s is not valid. Client credential flows must have a scope value with /.default suffixed to the "+
			"resource identifier (application ID URI).", form.Get("scope")))
		return
	case scope != strings.TrimSuffix(t.o.Graph, "/") && scope != "https://graph.microsoft.com":
		t.violate("login: scope %s", form.Get("scope"))
		t.refuseToken(w, 400, "invalid_resource", 500011, fmt.Sprintf("The resource principal named %s was not found in the tenant named %s.", scope, of))
		return
	}
	secret, assertion := form.Get("client_secret"), form.Get("client_assertion")
	if form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
		if assertion != "" {
			t.violate("login: client_assertion_type %q", form.Get("client_assertion_type"))
		}
		assertion = ""
	}
	switch {
	case secret != "" && assertion != "":
		t.violate("login: both a secret and an assertion")
		t.refuseToken(w, 400, "invalid_request", 90023, "Only one of 'client_assertion' and 'client_secret' is allowed.")
	case assertion != "":
		if code, reason := t.examine(of, assertion); code != 0 {
			t.refuseToken(w, 401, "invalid_client", code, reason)
			return
		}
		t.issue(w)
	case secret == "":
		t.violate("login: neither a secret nor an assertion")
		t.refuseToken(w, 401, "invalid_client", 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
	case secret != t.o.Secret:
		t.refuseToken(w, 401, "invalid_client", 7000215, fmt.Sprintf("Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client "+
			"secret ID, for a secret added to app '%s'.", t.o.ClientID))
	case !t.secretExpires.IsZero() && !t.now().Before(t.secretExpires):
		t.refuseToken(w, 401, "invalid_client", 7000222, fmt.Sprintf("The provided client secret keys for app '%s' are expired. Visit the Azure portal to create new keys for your app: "+
			"https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.", t.o.ClientID))
	default:
		t.issue(w)
	}
}

func (t *Tenant) issue(w http.ResponseWriter) {
	t.serial++
	name := strings.Repeat(hash(fmt.Sprint(t.seed, "token", t.serial)), 40) // as long as true ones
	t.tokens[name] = &token{t.now().Add(3599 * time.Second), maps.Clone(t.roles)}
	t.answer(w, 200, "application/json; charset=utf-8", object{{"token_type", "Bearer"}, {"expires_in", 3599}, {"ext_expires_in", 3599}, {"access_token", name}})
}

func (t *Tenant) refuseToken(w http.ResponseWriter, status int, code string, number int, message string) {
	t.serial++
	trace, correlation, at := t.requestID(), t.requestID(), t.now()
	t.answer(w, status, "application/json; charset=utf-8", object{
		{"error", code},
		{"error_description", fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", number, message, trace, correlation, at.Format("2006-01-02 15:04:05Z"))},
		{"error_codes", []int{number}},
		{"timestamp", at.Format("2006-01-02 15:04:05Z")},
		{"trace_id", trace},
		{"correlation_id", correlation},
		{"error_uri", fmt.Sprintf("%s/error?code=%d", t.o.Login, number)},
	})
}

// examine checks an assertion; the number 0 says that it is good.
func (t *Tenant) examine(of, assertion string) (number int, reason string) {
	var header struct {
		Algorithm  string `json:"alg"`
		Type       string `json:"typ"`
		Thumbprint string `json:"x5t#S256"`
		Older      string `json:"x5t"`
	}
	var claims struct {
		Audience string `json:"aud"`
		Issuer   string `json:"iss"`
		Subject  string `json:"sub"`
		ID       string `json:"jti"`
		NotYet   int64  `json:"nbf"`
		Expires  int64  `json:"exp"`
	}
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 || decode(parts[0], &header) != nil || decode(parts[1], &claims) != nil || header.Type != "JWT" {
		return t.malformed("JWT token is invalid or malformed.")
	}
	cert := t.o.Certificate
	if cert == nil || header.Thumbprint != fingerprint(cert) && (header.Algorithm != "RS256" || header.Older != olderFingerprint(cert)) {
		return 700027, "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found.]"
	}
	if t.now().After(cert.NotAfter) || t.now().Before(cert.NotBefore) {
		return 700027, "Client assertion failed signature validation. [Reason - The key used is expired.]"
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	key, isRSA := cert.PublicKey.(*rsa.PublicKey)
	if err != nil || !isRSA || !signed(key, header.Algorithm, parts[0]+"."+parts[1], signature) {
		return 700027, "Client assertion failed signature validation. [Reason - Key was found, but use of the key to verify the signature failed.]"
	}
	base := strings.TrimSuffix(t.o.Login, "/") + "/" + of
	if claims.Audience != base+"/oauth2/v2.0/token" && claims.Audience != base+"/v2.0" {
		return 700023, fmt.Sprintf("Client assertion audience claim does not match Realm issuer. Audience: %s.", claims.Audience)
	}
	if claims.Issuer != t.o.ClientID || claims.Subject != t.o.ClientID {
		return 700021, "Client assertion application identifier doesn't match 'client_id' parameter."
	}
	now, from, to := t.now(), time.Unix(claims.NotYet, 0), time.Unix(claims.Expires, 0)
	const skew = 5 * time.Minute
	if claims.NotYet == 0 || claims.Expires == 0 || now.Add(skew).Before(from) || now.Add(-skew).After(to) {
		return 700024, fmt.Sprintf("Client assertion is not within its valid time range. Current time: %s, assertion valid from %s, expiry time of assertion %s.",
			now.Format(time.RFC3339), from.UTC().Format(time.RFC3339), to.UTC().Format(time.RFC3339))
	}
	if to.Sub(from) > 10*time.Minute {
		t.violate("login: the assertion is good for more than 10 minutes")
	}
	if claims.ID == "" || t.jtis[claims.ID] {
		return t.malformed("The assertion has no identifier of its own.")
	}
	t.jtis[claims.ID] = true
	return 0, ""
}

func (t *Tenant) malformed(reason string) (int, string) {
	t.violate("login: %s", reason)
	return 50027, reason
}

func decode(part string, to any) error {
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, to)
}

func fingerprint(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func olderFingerprint(cert *x509.Certificate) string {
	sum := sha1.Sum(cert.Raw) //nolint:gosec // older assertions name a certificate by it
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func signed(key *rsa.PublicKey, algorithm, content string, signature []byte) bool {
	sum := sha256.Sum256([]byte(content))
	switch algorithm {
	case "PS256":
		return rsa.VerifyPSS(key, crypto.SHA256, sum[:], signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
	case "RS256":
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	}
	return false
}
