package logging

import "regexp"

// quotes are the places in which net/http and the exporter toolkit repeat who asked, whom a certificate names,
// and what stands in the web configuration, with what is kept of them.
var quotes = []struct {
	where *regexp.Regexp
	kept  string
}{
	{regexp.MustCompile(`(?s)^(http2?: panic serving) .*?(\ngoroutine .*)?$`), "$1 a request$2"},
	{regexp.MustCompile(`(?s)^(http: TLS handshake error) from .*?: ((?:remote error: )?tls: [^:("\[]*[a-z0-9']|EOF|client sent [a-zA-Z ]+|could not find [a-zA-Z ]+).*$`), "$1: $2"},
	{regexp.MustCompile(`(?s)^(http: TLS handshake error) from .*$`), "$1"},
	{regexp.MustCompile(` from (?:client )?\S+:\d+`), ""},
	{regexp.MustCompile(` \S+:\d+->\S+:\d+`), ""},
	{regexp.MustCompile("(?s)(cannot unmarshal !!\\w+) `.*?` into"), "$1 into"},
	{regexp.MustCompile(`(?s)(field) .*? (not found)`), "$1 $2"},
	{regexp.MustCompile(`(?s)(key|HTTP header) ".*?" (already|can not)`), "$1 $2"},
	{regexp.MustCompile(`(?s)(anchor) '.*?' `), "$1 "},
	{regexp.MustCompile(`(?s)(unknown (?:TLS version|cipher|curve)|invalid ClientAuth): .*`), "$1"},
	{regexp.MustCompile(`(?s), but (?:got:|hashedSecret started with) .*`), ""},
}

// Discreet returns what these libraries said without what they quoted.
func Discreet(said string) string {
	for _, q := range quotes {
		said = q.where.ReplaceAllString(said, q.kept)
	}
	return said
}
