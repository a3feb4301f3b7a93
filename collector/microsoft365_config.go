package collector

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/intranet-exporter/intranet_exporter/internal/fetch"
)

// A platform of the type is one product of a tenant, so that active users of SharePoint and of Viva Engage are the same
// measure of two platforms.
const (
	sharePoint = "sharepoint"
	vivaEngage = "viva_engage"
	entra      = "entra"
)

// Where the number of accounts comes from.
const (
	accountsListed   = "list"   // each account is read
	accountsCounted  = "count"  // the directory counts, and nothing of persons is read
	accountsReported = "report" // licensed users, as the usage report has them
)

// Where sign-ins come from.
const (
	signInLog     = "log"
	signInSummary = "summary"
)

// microsoft365Clouds are the sign-in and the Graph of each cloud. https://learn.microsoft.com/graph/deployments
var microsoft365Clouds = map[string]struct{ login, graph string }{
	"global": {"https://login.microsoftonline.com", "https://graph.microsoft.com"},
	"us_gov": {"https://login.microsoftonline.us", "https://graph.microsoft.us"},
	"us_dod": {"https://login.microsoftonline.us", "https://dod-graph.microsoft.us"},
	"china":  {"https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"},
}

// A microsoft365Config holds the keys of type microsoft365.
type microsoft365Config struct {
	Product            string                   `yaml:"product"`
	Tenant             string                   `yaml:"tenant"`
	ClientID           string                   `yaml:"client_id"`
	ClientSecretFile   string                   `yaml:"client_secret_file"`
	CertificateFile    string                   `yaml:"certificate_file"`
	CertificateKeyFile string                   `yaml:"certificate_key_file"`
	Cloud              string                   `yaml:"cloud"`
	LoginURL           string                   `yaml:"login_url"`
	GraphURL           string                   `yaml:"graph_url"`
	DownloadDomains    []string                 `yaml:"download_domains"`
	Accounts           string                   `yaml:"accounts"`
	Licensed           bool                     `yaml:"licensed"`
	SignIns            microsoft365SignInConfig `yaml:"sign_ins"`
	Sites              []microsoft365SiteConfig `yaml:"sites"`
	StaleAfter         model.Duration           `yaml:"stale_after"`
	fetch.Config       `yaml:",inline"`
}

type microsoft365SignInConfig struct {
	Source      string         `yaml:"source"`
	Application string         `yaml:"application"`
	Retention   model.Duration `yaml:"retention"`
}

type microsoft365SiteConfig struct {
	Name string `yaml:"name"`
	URL  string `yaml:"url"`
}

var (
	microsoft365GUID   = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)
	microsoft365Domain = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)*$`)
)

// check holds what every product needs.
func (cfg *microsoft365Config) check() error {
	var problems []error
	wrong := func(key, format string, args ...any) { problems = append(problems, keyErrorf(key, format, args...)) }
	products := []string{sharePoint, vivaEngage, entra}
	if !slices.Contains(products, cfg.Product) {
		wrong("product", "write which product this platform is: %s", listed(products))
	}
	if !microsoft365GUID.MatchString(cfg.Tenant) {
		wrong("tenant", "is not the id of a tenant; the overview of Microsoft Entra ID shows it, such as 00000000-0000-0000-0000-000000000000")
	}
	if !microsoft365GUID.MatchString(cfg.ClientID) {
		wrong("client_id", "is not the id of an application; the app registration shows it, such as 00000000-0000-0000-0000-000000000000")
	}
	switch secret, certificate := cfg.ClientSecretFile != "", cfg.CertificateFile != "" || cfg.CertificateKeyFile != ""; {
	case secret && certificate:
		wrong("client_secret_file", "can't be combined with a certificate; choose one of the two")
	case certificate && (cfg.CertificateFile == "" || cfg.CertificateKeyFile == ""):
		wrong("certificate_file", "a certificate and its private key belong together; write both, certificate_file and certificate_key_file")
	case !secret && !certificate:
		wrong("client_secret_file", "is missing; write the name of the file that holds the client secret, or certificate_file and certificate_key_file")
	}
	cloud, known := microsoft365Clouds[cfg.Cloud]
	switch {
	case !known:
		wrong("cloud", "is not a cloud; there is global, us_gov, us_dod and china")
	case cfg.Cloud != "global" && cfg.Product != entra:
		wrong("cloud", "has no usage reports, which exist in the global cloud only; there, product can only be entra")
	}
	if cfg.LoginURL == "" {
		cfg.LoginURL = cloud.login
	}
	if cfg.GraphURL == "" {
		cfg.GraphURL = cloud.graph
	}
	if len(cfg.DownloadDomains) == 0 {
		wrong("download_domains", "is empty; write the domains that reports are downloaded from, such as [office.com]")
	}
	for i, domain := range cfg.DownloadDomains {
		if !microsoft365Domain.MatchString(domain) {
			wrong(fmt.Sprintf("download_domains[%d]", i), "is no domain; write one in lower case, such as office.com")
		}
	}
	if c := cfg.HTTPClient; c.BasicAuth != nil || c.Authorization != nil || c.OAuth2 != nil {
		wrong("http_client", "signs in by itself with client_id; leave basic_auth, authorization and oauth2 out")
	}
	return errors.Join(problems...)
}

// checkParts holds what only some products have.
func (cfg *microsoft365Config) checkParts(profile []string) error {
	var problems []error
	wrong := func(key, format string, args ...any) { problems = append(problems, keyErrorf(key, format, args...)) }
	switch {
	case !slices.Contains([]string{accountsListed, accountsCounted, accountsReported}, cfg.Accounts):
		wrong("accounts", "is not a source of accounts; there is list, count and report")
	case cfg.Accounts == accountsReported && cfg.Product == entra:
		wrong("accounts", "product entra has no usage report; write list or count")
	case cfg.Accounts == accountsReported && len(profile) > 0:
		wrong("profile.fields", "the usage report has no profiles; remove it, or write accounts: list or accounts: count")
	}
	for i, f := range profile {
		if microsoft365Fields[f] == "" {
			wrong(fmt.Sprintf("profile.fields[%d]", i), "is no profile field of Microsoft 365; there is %s", microsoft365FieldNames())
		}
	}
	s := &cfg.SignIns
	switch {
	case s.Source == "" && *s == microsoft365SignInConfig{}:
	case cfg.Product != entra:
		wrong("sign_ins", "belong to the directory; write them for a platform with product: entra")
	case s.Source != signInLog && s.Source != signInSummary:
		wrong("sign_ins.source", "is not a source of sign-ins; there is log and summary")
	case s.Source == signInSummary && (s.Application != "" || s.Retention != 0):
		wrong("sign_ins", "source: summary counts all sign-ins of the tenant; leave application and retention out")
	case s.Source == signInLog && !microsoft365GUID.MatchString(s.Application):
		wrong("sign_ins.application", "is not the id of an application; SharePoint Online is 00000003-0000-0ff1-ce00-000000000000, and an enterprise application shows its own")
	case s.Source == signInLog && s.Retention == 0:
		s.Retention = model.Duration(30 * 24 * time.Hour)
	case s.Source == signInLog && s.Retention < model.Duration(24*time.Hour):
		wrong("sign_ins.retention", "must be a day or longer; Microsoft Entra keeps sign-ins for 30d with a P1 licence, and for 7d without")
	}
	if len(cfg.Sites) > 0 && cfg.Product != sharePoint {
		wrong("sites", "belong to SharePoint; write them for a platform with product: sharepoint")
	}
	if cfg.StaleAfter < model.Duration(24*time.Hour) {
		wrong("stale_after", "must be a day or longer, such as 365d")
	}
	names, paths := map[string]bool{}, map[string]bool{}
	for i, site := range cfg.Sites {
		key := fmt.Sprintf("sites[%d]", i)
		if !readingName.MatchString(site.Name) || len(site.Name) > 60 {
			wrong(key+".name", "must be small letters, digits and _, such as news")
		} else if names[site.Name] {
			wrong(key+".name", "is there twice")
		}
		names[site.Name] = true
		path, err := microsoft365SitePath(site.URL)
		path = strings.ToLower(path) // SharePoint knows no case
		if err != nil {
			problems = append(problems, &KeyError{key + ".url", err})
		} else if paths[path] {
			wrong(key+".url", "is there twice, and its pages would count twice")
		}
		paths[path] = true
	}
	return errors.Join(problems...)
}

// definition is of what events mean and whose they are.
func (cfg microsoft365Config) definition() string {
	parts := []string{cfg.Product, strings.ToLower(cfg.Tenant), cfg.GraphURL, cfg.Accounts, fmt.Sprint(cfg.Licensed), strings.ToLower(cfg.SignIns.Application)}
	for _, site := range cfg.Sites {
		parts = append(parts, site.Name, site.URL)
	}
	return digest(parts...)
}

// A microsoft365Connect makes the client of a workload in a version of Graph, which hands on redirects or follows them.
type microsoft365Connect func(version string, redirects bool) (*microsoft365Graph, error)

// connect returns what makes clients, all of which sign in once.
func (cfg microsoft365Config) connect(o Options, now func() time.Time) (microsoft365Connect, error) {
	open := func(address, key string, c fetch.Config, options fetch.Options) (*fetch.Client, error) {
		options.UserAgent, options.Dir, options.OnRequest, options.Wait = o.UserAgent, o.Dir, o.OnRequest, o.Wait
		client, wrong, err := fetch.New(address, c, options)
		if wrong == "url" {
			wrong = key
		}
		if err != nil {
			return nil, &KeyError{wrong, err}
		}
		return client, nil
	}
	address := strings.TrimSuffix(cfg.LoginURL, "/") + "/" + cfg.Tenant + "/oauth2/v2.0/token"
	login, err := open(address, "login_url", cfg.Config, fetch.Options{Refusal: refusedSignIn})
	if err != nil {
		return nil, err
	}
	graph := strings.TrimSuffix(cfg.GraphURL, "/")
	signIn := &microsoft365SignIn{
		client: login, address: address, clientID: cfg.ClientID, scope: graph + "/.default", now: now,
		certificate: config.JoinDir(o.Dir, cfg.CertificateFile), key: config.JoinDir(o.Dir, cfg.CertificateKeyFile),
	}
	if cfg.ClientSecretFile != "" {
		signIn.secret = secret("", config.JoinDir(o.Dir, cfg.ClientSecretFile))
	}
	return func(version string, redirects bool) (*microsoft365Graph, error) {
		client, err := open(graph+"/"+version, "graph_url", cfg.Config, fetch.Options{Refusal: refusedByGraph, Redirects: redirects})
		return &microsoft365Graph{client: client, signIn: signIn}, err
	}, nil
}

// undelivered says why the product lacks what it lacks.
func (cfg microsoft365Config) undelivered(d Description) map[string]string {
	lacking := map[string]string{
		"activated_accounts":      "The listing of the directory does not tell who ever signed in.",
		"comments":                "Usage reports count messages of Viva Engage only; add a platform with product: viva_engage.",
		"reactions":               "Usage reports count likes of Viva Engage only; add a platform with product: viva_engage.",
		"searches":                "Usage reports do not count searches.",
		"searches_without_result": "Usage reports do not count searches.",
		"active_users":            "The directory knows who signs in, and not what they do then; add a platform with product: sharepoint or viva_engage.",
		"page_views":              "Usage reports count views of SharePoint; add a platform with product: sharepoint.",
		"pages_visited":           "Usage reports count visited pages of SharePoint; add a platform with product: sharepoint.",
		"logins":                  "Sign-ins are those of the directory; add a platform with product: entra and sign_ins.",
		"logged_in_users":         "Sign-ins are those of the directory; add a platform with product: entra and sign_ins with source: log.",
	}
	if cfg.Accounts != accountsListed {
		lacking["profiles_complete"] = "It needs each profile; write accounts: list."
	}
	if cfg.Accounts == accountsReported {
		for _, name := range []string{"profile_completion", "profile_field_filled", "accounts_excluded"} {
			lacking[name] = "The usage report has no profiles, and no accounts that are not counted; write accounts: list or accounts: count."
		}
	}
	for _, name := range []string{"pages", "pages_stale", "pages_created", "page_edits", "authors", "contributors", "site_page_views", "site_visitors"} {
		lacking[name] = "It is counted for the SharePoint sites that are named; write them under sites, for a platform with product: sharepoint."
	}
	for _, delivered := range d.Measures() {
		delete(lacking, delivered.Measure)
	}
	return lacking
}
