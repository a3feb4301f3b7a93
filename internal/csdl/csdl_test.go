package csdl

import (
	"net/url"
	"strings"
	"testing"
)

// library is the description in testdata.
func library(t testing.TB) *Description {
	t.Helper()
	return load(t, "testdata/library.xml")
}

func load(t testing.TB, file string) *Description {
	t.Helper()
	d, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// says compares an error with the one that is wanted, "" for none.
func says(t *testing.T, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestLoad(t *testing.T) {
	const document = `<Edmx><DataServices><Schema Namespace="a" Alias="b">%</Schema></DataServices></Edmx>`
	for content, want := range map[string]string{
		`<EntityType Name="x" BaseType="b.y"/>`:                                           "read description: there is no type a.y",
		`<ComplexType Name="x"><Property Name="p" Type="Collection(c.y)"/></ComplexType>`: "read description: a.x/p: there is no type c.y",
		`<EntityContainer><EntitySet Name="s" EntityType="a.x"/></EntityContainer>`:       "read description: s: there is no type a.x",
		`<Function Name="f"><ReturnType Type="a.x"/></Function>`:                          "read description: f: there is no type a.x",
		`<Action Name="f"><Parameter Name="p" Type="a.x"/></Action>`:                      "read description: f: there is no type a.x",
		`<EntityType Name="x" BaseType="b.x"/>`:                                           "read description: a.x is based on itself",
		`<EntityType`:                                                                     "read description: XML syntax error on line 1: expected attribute name in element",
	} {
		_, err := Load(strings.NewReader(strings.Replace(document, "%", content, 1)))
		says(t, err, want)
	}
}

func TestRequest(t *testing.T) {
	for _, test := range []struct{ request, want string }{
		{"/books", ""},
		{"/books/1234", ""},
		{"/books('1234')", ""},
		{"/books(id='it''s')/author/name", ""},
		{"/books(title='Ulysses')", ""},
		{"/books/1234/readers/5/works", ""},
		{"/books/1234/readers('5')", ""},
		{"/books/1234/latest/since", ""},
		{"/books/$count", ""},
		{"/branches/7/books", ""},
		{"/branches(7)", ""},
		{"/branches/7:/second/floor", ""},
		{"/branches/7:/second/floor:/books/1234", ""},
		{"/books/lib.atlas/1234/maps", ""},
		{"/books/1234/example.library.atlas", ""},
		{"/books/newest", ""},
		{"/books/newest()/title", ""},
		{"/books/lib.newest", ""},
		{"/books/example.library.music.score/1/example.library.music.keys", ""},
		{"/books/1/example.library.music.score/keys()", ""},
		{"/desk/counts(period='D7')", ""},
		{"/desk/counts(period=%27D7%27)", ""},
		{"/desk/lib.counts(day=2026-11-01)", ""},
		{"/desk/counts(day=null,genre='poetry')", ""},
		{"/desk/counts(genre=lib.genre'poetry',day=2026-11-01)", ""},
		{"/openOn(day=2026-11-01)", ""},

		{"books", "path: does not begin with /v1.0/"},
		{"/", "path: has an empty segment"},
		{"/books/", "path: has an empty segment"},
		{"/books%zz", `path: segment is escaped wrongly: invalid URL escape "%zz"`},
		{"/book", `path: the API has no "book"`},
		{"/constructor()", `path: the API has no "constructor"`},
		{"/books/1234/titel", `path: example.library.book has no "titel"`},
		{"/books/1234/title/x", `path: Edm.String has no "x"`},
		{"/books/1234/maps", `path: example.library.book has no "maps"`},
		{"/books/$count/x", `path: nothing comes after $count, such as "x"`},
		{"/desk/$count", `path: example.library.desk has no "$count"`},
		{"/books/lib.person", "path: lib.person is no kind of a collection of example.library.book"},
		{"/lib.book", "path: lib.book is no kind of the API"},
		{"/books/lib.novel", `path: a collection of example.library.book has no "novel"`},
		{"/books/1/example.library.music.keys", `path: example.library.book has no "keys"`},
		{"/books/example.library.music.score/1/lib.keys", `path: example.library.music.score has no "keys"`},
		{"/books/1/newest", `path: example.library.book has no "newest"`},
		{"/books(1234)", `path: what is in brackets after "books" is no key of example.library.book`},
		{"/books(id=null)", `path: what is in brackets after "books" is no key of example.library.book`},
		{"/books(isbn='1')", `path: what is in brackets after "books" is no key of example.library.book`},
		{"/books('1'", `path: segment "books" has no closing bracket`},
		{"/desk('1')", `path: "desk" is not a collection, and has no keys`},
		{"/branches/seven", "path: the key number of a collection of example.library.branch is of type Edm.Int32"},
		{"/desk/lost/1", "path: a collection of example.library.desk has no operation of this name, and no keys"},
		{"/branches/7:", "path: there is no path after the colon"},
		{"/branches/7:/a//b", "path: there is no path after the colon"},
		{"/branches/7:/a:/book", `path: example.library.branch has no "book"`},
		{"/books/7:/a", `path: after a colon: example.library.book has no "getByPath"`},
		{"/desk/counts", "path: counts needs the parameter period, or counts needs the parameter day"},
		{"/desk/counts(D7)", "path: parameters of counts are written name=value, each once"},
		{"/desk/counts(period='D7',period='D30')", "path: parameters of counts are written name=value, each once"},
		{"/desk/counts(perod='D7')", `path: counts has no parameter "perod"`},
		{"/desk/counts(period=7)", `path: the parameter period of counts is of type Edm.String, or counts has no parameter "period"`},
		{"/desk/counts(period=null)", `path: the parameter period of counts is of type Edm.String, or counts has no parameter "period"`},
		{"/desk/counts(day='2026-11-01')", `path: counts has no parameter "day", or the parameter day of counts is of type Edm.Date`},
		{"/desk/counts(day=2026-11-31)", `path: counts has no parameter "day", or the parameter day of counts is of type Edm.Date`},
		{"/desk/counts(day=2026-11-01,genre='crime')", `path: counts has no parameter "day", or the parameter genre of counts is of type example.library.genre`},
		{"/openOn", "path: openOn needs the parameter day"},
		{"/openOn(day=null)", "path: the parameter day of openOn is of type Edm.Date"},
		{"/books/1/renew", "method: what the path leads to takes POST"},
		{"/books/1/renew(days=3)", `path: renew has no parameter "days"`},
		{"/books/1/renew/days", `path: nothing comes after an action, such as "days"`},

		{"/books?$select=id,title&$top=5&$count=true&$skiptoken=x&$orderby=title,bought desc", ""},
		{"/books?$select=*", ""},
		{"/books/1?$select=latest/renewals,author", ""},
		{"/books?$expand=author,readers($select=name;$filter=name eq 'x';$expand=*)", `query: $expand: readers: $expand: example.library.person has no property "*"`},
		{"/books?$expand=author($select=name),readers($select=name;$filter=name eq 'a,b;c')", ""},
		{"/books/$count?$filter=lent eq true", ""},
		{"/books/lib.atlas?$select=maps", ""},

		{"/books?top=5", `query: "top" is not known`},
		{"/books?$filter=lent&$filter=lent", `query: "$filter" is there twice`},
		{"/books?$top=%zz", `query: invalid URL escape "%zz"`},
		{"/books/1?$top=5", "query: $top is for collections, and this is example.library.book"},
		{"/books/1?$filter=lent", "query: $filter is for collections, and this is example.library.book"},
		{"/books?$top=0", "query: $top: can't have this value"},
		{"/books?$count=yes", "query: $count: can't have this value"},
		{"/books?$skiptoken=", "query: $skiptoken: can't have this value"},
		{"/books/$count?$top=5", `query: "$top" does not go with $count in the path`},
		{"/books?$select=", "query: $select: is empty"},
		{"/books?$select=titel", `query: $select: example.library.book has no property "titel"`},
		{"/books?$select=maps", `query: $select: example.library.book has no property "maps"`},
		{"/books/lib.atlas?$select=scale", `query: $select: example.library.atlas has no property "scale"`}, // open, and who asks must know
		{"/books?$select=title/x", `query: $select: Edm.String has no property "x"`},
		{"/books?$select=loans/since", `query: $select: a collection of example.library.loan has no property "since"`},
		{"/books?$orderby=titel", `query: $orderby: example.library.book has no property "titel"`},
		{"/books?$orderby=title down", "query: $orderby: has a direction that is neither asc nor desc"},
		{"/books?$expand=title", `query: $expand: "title" has nothing to expand`},
		{"/books?$expand=loans", `query: $expand: "loans" has nothing to expand`},
		{"/books?$expand=writer", `query: $expand: example.library.book has no property "writer"`},
		{"/books?$expand=author($select=name", `query: $expand: "author" has no closing bracket`},
		{"/books?$expand=author($top=1)", "query: $expand: author: $top is for collections, and this is example.library.person"},
	} {
		path, query, _ := strings.Cut(test.request, "?")
		query = strings.NewReplacer(" ", "%20", ";", "%3B").Replace(query)
		if path != "books" {
			path = "/v1.0" + path
		}
		t.Run(test.request, func(t *testing.T) { says(t, library(t).Request("GET", path, query), test.want) })
	}
	says(t, library(t).Request("POST", "/v1.0/books/1/renew", ""), "")
	says(t, library(t).Request("POST", "/v1.0/books", ""), "method: what the path leads to takes GET")
	says(t, library(t).Request("PATCH", "/v1.0/books/1", ""), "method: what the path leads to takes GET")
}

func TestFilter(t *testing.T) {
	const unexpected = "what is of type Edm.String is compared with another kind of value"
	for _, test := range []struct{ filter, want string }{
		{"title eq 'x'", ""},
		{"title eq 'it''s (a, b'", ""},
		{"'x' eq title", ""},
		{"lent", ""},
		{"true", ""},
		{"not lent and not (lent eq false or genre eq 'novel')", ""},
		{"genre eq lib.genre'novel' or genre eq null", ""},
		{"bought ge 2026-11-01T00:00:00Z and bought lt 2026-11-08T00:00:00.5+01:00", ""},
		{"latest/renewals gt -1", ""},
		{"loans/$count ne 0", ""},
		{"weight lt 1.5", ""},
		{"shelf eq a0000000-0000-0000-0000-000000000000", ""},
		{"id in ('a','b')", ""},
		{"author/name eq title", ""},
		{"startswith(title,'x') and length(tolower(title)) gt 3", ""},
		{"endswith(title,'x') or contains(title,id)", ""},
		{"readers/any(r:r/name eq 'x' and r/id ne id)", ""},
		{"loans/any(l:l/renewals gt 3 and readers/all(r:startswith(r/name,'x')))", ""},
		{"readers/any(r:readers/any(r:r/name eq 'x') and r/name eq 'y')", ""},
		{"tags/any()", ""},

		{"", "a name or value is missing"},
		{"titel eq 'x'", `example.library.book has no property "titel"`},
		{"not (lent and titel eq 'x')", `example.library.book has no property "titel"`},
		{"title eq titel", `example.library.book has no property "titel"`},
		{"id in ('a',titel)", `example.library.book has no property "titel"`},
		{"startswith(titel,'x')", `example.library.book has no property "titel"`},
		{"title eq 3", unexpected},
		{"title eq true", unexpected},
		{"title eq 'x", "can't be read"},
		{"title = 'x'", "can't be read"},
		{"title eq x", `example.library.book has no property "x"`},
		{"title eq", "a name or value is missing"},
		{"eq 'x'", `example.library.book has no property "eq"`},
		{"title", "what is of type Edm.String is compared with nothing"},
		{"'true'", "a value is compared with nothing"},
		{"title eq pages", "what is of type Edm.String is compared with Edm.Int16"},
		{"1 eq 1", "compares two values"},
		{"title eq 'x' title", `"title" is not expected`},
		{"lent xor lent", `"xor" is not expected`},
		{"(lent", `")" is missing`},
		{"lent)", `")" is not expected`},
		{"genre eq 'crime'", "what is of type example.library.genre is compared with another kind of value"},
		{"genre eq lib.days'monday'", "what is of type example.library.genre is compared with another kind of value"},
		{"pages eq 40000", "what is of type Edm.Int16 is compared with another kind of value"},
		{"bought ge 2026-11-01", "what is of type Edm.DateTimeOffset is compared with another kind of value"},
		{"bought ge '2026-11-01T00:00:00Z'", "what is of type Edm.DateTimeOffset is compared with another kind of value"},
		{"bought ge 2026-11-31T00:00:00Z", "what is of type Edm.DateTimeOffset is compared with another kind of value"},
		{"shelf eq 'a0000000-0000-0000-0000-000000000000'", "what is of type Edm.Guid is compared with another kind of value"},
		{"latest/renewal gt 1", `example.library.loan has no property "renewal"`},
		{"loans/renewals gt 1", `a collection of example.library.loan has no property "renewals"`},
		{"latest eq null", "what is of type example.library.loan is compared with another kind of value"},
		{"title/$count ne 0", `Edm.String has no property "$count"`},
		{"id in ('a',3)", unexpected},
		{"id in ('a'", `")" is missing`},
		{"id in 'a'", `"(" is missing`},
		{"startswith(title)", "startswith takes more"},
		{"startswith(title,'x','y')", "startswith takes less"},
		{"startswith(pages,'x')", "what is of type Edm.String is compared with Edm.Int16"},
		{"startswith title", `example.library.book has no property "startswith"`},
		{"readers/any(r:r/nam eq 'x')", `example.library.person has no property "nam"`},
		{"readers/any(r:r/name eq 'x') and r/name eq 'x'", `example.library.book has no property "r"`},
		{"readers/any(r r/name)", `":" is missing`},
		{"readers/any", `"(" is missing`},
		{"author/any(r:r/name eq 'x')", `example.library.person has no property "any"`},
	} {
		if test.want != "" {
			test.want = "query: $filter: " + test.want
		}
		t.Run(test.filter, func(t *testing.T) {
			says(t, library(t).Request("GET", "/v1.0/books", url.Values{"$filter": {test.filter}}.Encode()), test.want)
		})
	}
}

func TestAnswer(t *testing.T) {
	const book = "/books/1"
	for _, test := range []struct{ path, body, want string }{
		{book, `{}`, ""},
		{book, ` {"@odata.context":"x","@odata.etag":"y","id":"1","title":"x","genre":"novel","bought":"2026-11-01T00:00:00.1234567Z","pages":-5,"copies":255,
			"weight":1.5e3,"lent":true,"shelf":"00000000-0000-0000-0000-000000000000","tags":["x",null],"latest":null,"loans":[{"since":"2026-11-01","renewals":null}],
			"author":{"id":"2","works":"monday,tuesday","begins":"23:59:00.5","stays":"P1DT2H3M4.5S","photo":"aGk="},"readers":[{"name":null}],"readers@odata.nextLink":"x"}`, ""},
		{book, `{"@odata.type":"#example.library.atlas","maps":9007199254740993,"scale":{"whatever":[1]}}`, ""},
		{"/books/lib.atlas/1", `{"scale":1}`, ""},
		{"/books", `{"@odata.context":"x","@odata.count":2,"@odata.nextLink":"x","@example.tips":1,"value":[{"id":"1"},{"@odata.type":"#lib.atlas","maps":1}]}`, ""},
		{"/books", `{"value":[]}`, ""},
		{"/books/newest", `{"title":"x"}`, ""},
		{"/books/$count", "12", ""},
		{"/books/$count", "\ufeff12", ""},
		{"/books/1/title", `{"@odata.context":"x","value":"x"}`, ""},
		{"/books/1/tags", `{"value":["x"]}`, ""},
		{"/openOn(day=2026-11-01)", `{"value":true}`, ""},

		{"/book", `{}`, `path: the API has no "book"`},
		{"/books/1/renew", `{}`, "answer: there is nothing to answer"},
		{"/books/$count", `{"value":12}`, "answer: is not a number"},
		{book, `{`, "answer: is not JSON"},
		{book, `{"id":"1","id":"2"}`, "answer: is not JSON"},
		{book, `[]`, "answer: example.library.book is not an object"},
		{book, `{"value":{"id":"1"}}`, `answer: example.library.book has no property "value"`},
		{book, `{"titel":"x"}`, `answer: example.library.book has no property "titel"`},
		{book, `{"maps":1}`, `answer: example.library.book has no property "maps"`},
		{book, `{"titel@odata.type":"x"}`, `answer: example.library.book has no property "titel"`},
		{book, `{"@odata.type":"#example.library.person"}`, "answer: example.library.book/@odata.type is no kind of example.library.book"},
		{book, `{"@odata.context":1}`, "answer: @odata.context has a value of another kind"},
		{book, `{"title":null}`, "answer: example.library.book/title is null"},
		{book, `{"title":1}`, "answer: example.library.book/title is not of type Edm.String"},
		{book, `{"genre":"crime"}`, "answer: example.library.book/genre is not of type example.library.genre"},
		{book, `{"genre":"novel,poetry"}`, "answer: example.library.book/genre is not of type example.library.genre"},
		{book, `{"genre":0}`, "answer: example.library.book/genre is not of type example.library.genre"},
		{book, `{"bought":"2026-11-01"}`, "answer: example.library.book/bought is not of type Edm.DateTimeOffset"},
		{book, `{"bought":"2026-11-01T00:00:00"}`, "answer: example.library.book/bought is not of type Edm.DateTimeOffset"},
		{book, `{"pages":32768}`, "answer: example.library.book/pages is not of type Edm.Int16"},
		{book, `{"pages":1.5}`, "answer: example.library.book/pages is not of type Edm.Int16"},
		{book, `{"pages":"1"}`, "answer: example.library.book/pages is not of type Edm.Int16"},
		{book, `{"copies":256}`, "answer: example.library.book/copies is not of type Edm.Byte"},
		{book, `{"weight":"1"}`, "answer: example.library.book/weight is not of type Edm.Double"},
		{book, `{"lent":"true"}`, "answer: example.library.book/lent is not of type Edm.Boolean"},
		{book, `{"lent":0}`, "answer: example.library.book/lent is not of type Edm.Boolean"},
		{book, `{"shelf":"1"}`, "answer: example.library.book/shelf is not of type Edm.Guid"},
		{book, `{"loans":null}`, "answer: example.library.book/loans is not a list"},
		{book, `{"loans":[null]}`, "answer: example.library.book/loans is null"},
		{book, `{"loans":{"since":"2026-11-01"}}`, "answer: example.library.book/loans is not a list"},
		{book, `{"loans":[{"since":null}]}`, "answer: example.library.book/loans/since is null"},
		{book, `{"latest":{"until":"2026-11-01"}}`, `answer: example.library.loan has no property "until"`},
		{book, `{"latest":"x"}`, "answer: example.library.book/latest is not an object"},
		{book, `{"author":{"works":"sunday"}}`, "answer: example.library.book/author/works is not of type example.library.days"},
		{book, `{"author":{"begins":"24:00"}}`, "answer: example.library.book/author/begins is not of type Edm.TimeOfDay"},
		{book, `{"author":{"stays":"1 day"}}`, "answer: example.library.book/author/stays is not of type Edm.Duration"},
		{book, `{"author":{"photo":"?"}}`, "answer: example.library.book/author/photo is not of type Edm.Binary"},
		{"/books/lib.atlas/1", `{"maps":"1"}`, "answer: example.library.atlas/maps is not of type Edm.Int64"},
		{"/books", `[]`, "answer: is not an object"},
		{"/books", `{"id":"1"}`, "answer: has no member value"},
		{"/books", `{"value":{}}`, "answer: value is not a list"},
		{"/books", `{"value":[null]}`, "answer: value is null"},
		{"/books", `{"value":[],"nextLink":"x"}`, `answer: "nextLink" is neither value nor an annotation`},
		{"/books", `{"value":[],"@odata.count":"1"}`, "answer: @odata.count has a value of another kind"},
		{"/books", `{"value":[{"titel":1}]}`, `answer: example.library.book has no property "titel"`},
		{"/books/1/title", `"x"`, "answer: is not an object"},
		{"/books/1/title", `{"value":1}`, "answer: value is not of type Edm.String"},
	} {
		t.Run(test.path+" "+test.body, func(t *testing.T) { says(t, library(t).Answer("/v1.0"+test.path, []byte(test.body)), test.want) })
	}
}
