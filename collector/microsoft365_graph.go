package collector

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/time/rate"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/fetch"
)

// A microsoft365Graph is one workload of Microsoft Graph. Each has limits of its own, so that one which wants to be
// left alone does not stop the others. https://learn.microsoft.com/graph/throttling-limits
type microsoft365Graph struct {
	client *fetch.Client
	signIn *microsoft365SignIn
	pace   func(context.Context) error // waits until one more request is allowed; nil = requests_per_second suffices
}

// newPace returns what waits so long that no two requests are closer to each other.
func newPace(apart time.Duration, wait func(context.Context, time.Duration) error, now func() time.Time) func(context.Context) error {
	if wait == nil {
		wait = fetch.Wait
	}
	limit := rate.NewLimiter(rate.Every(apart), 1)
	return func(ctx context.Context) error {
		at := now()
		return wait(ctx, limit.ReserveN(at, 1).DelayFrom(at))
	}
}

// ask sends one request, and a second one with a new token where the first is refused with an old one.
func (g *microsoft365Graph) ask(ctx context.Context, r fetch.Request, read func(*fetch.Answer) error) error {
	if r.Header = r.Header.Clone(); r.Header == nil {
		r.Header = http.Header{}
	}
	for {
		if g.pace != nil {
			if err := g.pace(ctx); err != nil {
				return err
			}
		}
		token, err := g.signIn.bearer(ctx)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+token)
		err = g.client.Do(ctx, r, read)
		status := fetch.Refused(err)
		if status != http.StatusUnauthorized && status != http.StatusForbidden || !g.signIn.drop() {
			return err
		}
	}
}

// get asks for one object.
func (g *microsoft365Graph) get(ctx context.Context, r fetch.Request, into any) error {
	return g.ask(ctx, r, fetch.JSON(func(dec *jsontext.Decoder) error { return json.UnmarshalDecode(dec, into) }))
}

// list walks over a collection. row is called at each element.
func (g *microsoft365Graph) list(ctx context.Context, r fetch.Request, row func(*jsontext.Decoder) error) error {
	var pages fetch.Pages
	for {
		taken, next := false, ""
		err := g.ask(ctx, r, fetch.JSON(func(dec *jsontext.Decoder) error {
			return fetch.Object(dec, func(name string) error {
				switch name {
				case "value":
					taken = true
					return fetch.Array(dec, func() error { return row(dec) })
				case "@odata.nextLink":
					return json.UnmarshalDecode(dec, &next)
				}
				return dec.SkipValue()
			})
		}))
		switch {
		case err != nil:
			return err
		case !taken:
			return cause.Errorf(cause.BadResponse, "the answer has no list")
		case next == "":
			return nil
		}
		if err := pages.Next(next); err != nil {
			return err
		}
		r = fetch.Request{Link: next}
	}
}

// refusedByGraph says what the codes of Graph's errors mean, where the status does not.
// https://learn.microsoft.com/graph/errors
func refusedByGraph(status int, dec *jsontext.Decoder) error {
	var answer struct {
		Error struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	if err := json.UnmarshalDecode(dec, &answer); err != nil {
		return err
	}
	switch code := answer.Error.Code; {
	case code == "Authentication_RequestFromNonPremiumTenantOrB2CTenant":
		return cause.Errorf(cause.Permission, "answered %d: the tenant has no licence for it; sign-ins need Microsoft Entra ID P1", status)
	case strings.EqualFold(code, "MissingCredentials"): // of reports that are out of order, for a token that is good
		return cause.Errorf(cause.Unavailable, "answered %d: the report is out of order", status)
	}
	return nil
}
