package tenant

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A filterable says by which operators a property can be filtered, in the order in which the documentation lists them: eq ne not ge le in startsWith null.
// For each, d: by default, a: in advanced queries, -: not.
type filterable struct {
	operators string
	kind      kind
}

type kind int

const (
	text kind = iota
	boolean
	instant
	integer
)

// A filter is a $filter that was understood.
type filter struct {
	match      func(get func(property string) any) bool
	advanced   bool // must have the advanced query parameters
	properties []string
}

var (
	words       = regexp.MustCompile(`^\s*('(?:[^']|'')*'|[(),]|[^\s(),']+)`)
	columnOf    = map[string]int{"eq": 0, "ne": 1, "not": 2, "ge": 3, "le": 4, "in": 5, "startswith": 6, "null": 7}
	endsWithFor = []string{"mail", "userPrincipalName"}
)

// A refusedFilter is an error in Graph's own words.
type refusedFilter string

func (e refusedFilter) Error() string { return string(e) }

const errFilter = refusedFilter("Invalid filter clause")

// parseFilter understands what the documentation says of the properties that are known.
func parseFilter(s string, known map[string]filterable) (filter, error) {
	p := &parser{known: known}
	for rest := s; strings.TrimSpace(rest) != ""; {
		m := words.FindStringSubmatch(rest)
		if m == nil {
			return filter{}, errFilter
		}
		p.words = append(p.words, m[1])
		rest = rest[len(m[0]):]
	}
	match, err := p.or()
	if err == nil && len(p.words) > 0 {
		err = errFilter
	}
	return filter{match, p.advanced, p.properties}, err
}

type parser struct {
	known      map[string]filterable
	words      []string
	negated    bool // within not
	advanced   bool
	properties []string
}

type match = func(get func(string) any) bool

func (p *parser) next() string {
	if len(p.words) == 0 {
		return ""
	}
	word := p.words[0]
	p.words = p.words[1:]
	return word
}

func (p *parser) accept(word string) bool {
	if len(p.words) == 0 || !strings.EqualFold(p.words[0], word) {
		return false
	}
	p.next()
	return true
}

func (p *parser) or() (match, error) {
	a, err := p.and()
	for err == nil && p.accept("or") {
		var b match
		left := a
		b, err = p.and()
		a = func(get func(string) any) bool { return left(get) || b(get) }
	}
	return a, err
}

func (p *parser) and() (match, error) {
	a, err := p.not()
	for err == nil && p.accept("and") {
		var b match
		left := a
		b, err = p.not()
		a = func(get func(string) any) bool { return left(get) && b(get) }
	}
	return a, err
}

func (p *parser) not() (match, error) {
	if !p.accept("not") {
		return p.term()
	}
	p.negated = true
	a, err := p.term()
	p.negated = false
	return func(get func(string) any) bool { return !a(get) }, err
}

func (p *parser) term() (match, error) {
	if p.accept("(") {
		a, err := p.or()
		if err == nil && !p.accept(")") {
			err = errFilter
		}
		return a, err
	}
	word := p.next()
	if f := strings.ToLower(word); f == "startswith" || f == "endswith" {
		return p.function(f)
	}
	operator := strings.ToLower(p.next())
	if operator == "in" {
		return p.in(word)
	}
	value, err := p.value(word, p.next())
	if err != nil {
		return nil, err
	}
	if value == nil {
		if operator != "eq" && operator != "ne" {
			return nil, errFilter
		}
		if err := p.allow(word, "null"); err != nil {
			return nil, err
		}
	}
	if err := p.allow(word, operator); err != nil {
		return nil, err
	}
	if strings.HasSuffix(word, "/$count") && value != 0 && value != 1 {
		return nil, unsupported(word)
	}
	return func(get func(string) any) bool {
		order := compare(get(word), value)
		switch operator {
		case "eq":
			return order == 0
		case "ne":
			return order != 0
		case "ge":
			return order == 0 || order == 1
		default:
			return order == 0 || order == -1
		}
	}, nil
}

func (p *parser) function(name string) (match, error) {
	if !p.accept("(") {
		return nil, errFilter
	}
	property := p.next()
	if !p.accept(",") {
		return nil, errFilter
	}
	value, err := p.value(property, p.next())
	if err != nil || !p.accept(")") {
		return nil, errFilter
	}
	if name == "endswith" {
		if !slices.Contains(endsWithFor, property) {
			return nil, unsupported(property)
		}
		p.advanced = true
	} else if err := p.allow(property, name); err != nil {
		return nil, err
	}
	fits := strings.HasPrefix
	if name == "endswith" {
		fits = strings.HasSuffix
	}
	return func(get func(string) any) bool {
		s, isText := get(property).(string)
		want, _ := value.(string)
		return isText && fits(strings.ToLower(s), strings.ToLower(want))
	}, nil
}

func (p *parser) in(property string) (match, error) {
	if !p.accept("(") {
		return nil, errFilter
	}
	var values []any
	for {
		value, err := p.value(property, p.next())
		if err != nil {
			return nil, err
		}
		values = append(values, value)
		if p.accept(")") {
			break
		}
		if !p.accept(",") {
			return nil, errFilter
		}
	}
	return func(get func(string) any) bool {
		return slices.ContainsFunc(values, func(v any) bool { return compare(get(property), v) == 0 })
	}, p.allow(property, "in")
}

func unsupported(property string) error {
	return refusedFilter(fmt.Sprintf("Unsupported or invalid query filter clause specified for property '%s'.", property))
}

// allow looks whether a property can be filtered that way, and what for.
func (p *parser) allow(property, operator string) error {
	known, ok := p.known[property]
	if !ok {
		return unsupported(property)
	}
	p.properties = append(p.properties, property)
	if p.negated && operator != "null" {
		if err := p.allowColumn(known, property, "not"); err != nil {
			return err
		}
	}
	return p.allowColumn(known, property, operator)
}

func (p *parser) allowColumn(known filterable, property, operator string) error {
	column, ok := columnOf[operator]
	if !ok || known.operators[column] == '-' {
		return unsupported(property)
	}
	p.advanced = p.advanced || known.operators[column] == 'a'
	return nil
}

// value reads a literal, which must be of the property's type.
func (p *parser) value(property, word string) (any, error) {
	kind := p.known[property].kind
	if word == "null" {
		return nil, nil //nolint:nilnil // null is a value
	}
	if inner, ok := strings.CutPrefix(word, "'"); ok {
		if kind != text {
			return nil, errFilter
		}
		return strings.ReplaceAll(strings.TrimSuffix(inner, "'"), "''", "'"), nil
	}
	switch kind {
	case boolean:
		if b, err := strconv.ParseBool(word); err == nil && (word == "true" || word == "false") {
			return b, nil
		}
	case integer:
		if n, err := strconv.Atoi(word); err == nil {
			return n, nil
		}
	case instant:
		if at, err := time.Parse(time.RFC3339, word); err == nil {
			return at, nil
		}
	}
	return nil, errFilter
}

// compare is -1, 0 or 1, or 2 where two values are of no order, as null is to everything else.
func compare(a, b any) int {
	switch a := a.(type) {
	case nil:
		if b == nil {
			return 0
		}
	case string:
		if b, ok := b.(string); ok {
			return strings.Compare(strings.ToLower(a), strings.ToLower(b))
		}
	case bool:
		if a == b {
			return 0
		}
	case int:
		if b, ok := b.(int); ok {
			return min(1, max(-1, a-b))
		}
	case time.Time:
		if b, ok := b.(time.Time); ok {
			return a.Compare(b)
		}
	}
	return 2
}
