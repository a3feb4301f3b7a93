package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	promconfig "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// A document is the YAML file while it is read. It gathers every problem, so that people see all at once. A problem
// never quotes a value: what stands in a wrong place may be a secret or a person, and the line says where to look.
//
// The YAML library knows no strictness below a Node, gives semantic errors no line, and quotes values, which
// may be secrets, in its messages. So each node is compared with the Go type that it is meant for before it
// is decoded; decoding itself can then not fail.
type document struct {
	file     string
	lines    map[string]int  // of every key that was seen
	wrong    map[string]bool // keys that have a problem
	problems Problems
}

// problem notes a mistake in a key. A key with a problem gets no second one, and what is below it none at
// all: that would only mislead.
func (d *document) problem(key, format string, args ...any) {
	for k := key; k != ""; k = parent(k) {
		if d.wrong[k] {
			return
		}
	}
	d.wrong[key] = true
	d.problems = append(d.problems, d.at(key, format, args...))
}

// at makes a Problem with the line of the key, or of the nearest one above it that is in the file.
func (d *document) at(key, format string, args ...any) Problem {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ") // a problem is one line
	p := Problem{File: d.file, Key: key, Text: text}
	for k := key; k != "" && p.Line == 0; k = parent(k) {
		p.Line = d.lines[k]
	}
	return p
}

// written tells whether a key is in the file, with whatever value.
func (d *document) written(key string) bool { return d.lines[key] > 0 }

func parent(key string) string {
	return key[:max(strings.LastIndexAny(key, ".["), 0)]
}

var plainKey = regexp.MustCompile(`^[A-Za-z_-]{1,60}$`)

// child returns the path of a key in a mapping. One that nobody knows is not repeated unless it looks like a key: it
// may be a password or a person in a wrong place.
func child(key, name string, known bool) string {
	if !known && !plainKey.MatchString(name) {
		name = "…"
	}
	return strings.TrimPrefix(key+"."+name, ".")
}

// parse returns the mapping that the file is, or nil after noting why it is none.
func (d *document) parse(content []byte) *yaml.Node {
	for i, r := range string(content) {
		switch {
		case r == utf8.RuneError && !bytes.HasPrefix(content[i:], []byte("\uFFFD")):
			d.notYAML(lineOf(content, i), "is not UTF-8 text")
			return nil
		case unprintable(r) && r != '\r':
			d.notYAML(lineOf(content, i), controlCharacter)
			return nil
		}
	}
	var root, second yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	err := decoder.Decode(&root)
	if errors.Is(err, io.EOF) || err == nil && (len(root.Content) == 0 || root.Content[0].Tag == "!!null") {
		d.notYAML(0, "is empty; it needs at least platforms")
		return nil
	}
	if err == nil {
		if err = decoder.Decode(&second); errors.Is(err, io.EOF) {
			return d.plainYAML(root.Content[0])
		}
	}
	if err == nil {
		d.notYAML(second.Line, "has more than one YAML document; remove the line --- and what follows it")
		return nil
	}
	d.notYAML(syntaxError(content, err))
	return nil
}

// plainYAML returns the mapping if it has no anchors and aliases. Who wrote them did it all over the file, so there
// is one problem and not one for each.
func (d *document) plainYAML(root *yaml.Node) *yaml.Node {
	if n := anchored(root); n != nil {
		d.notYAML(n.Line, noAnchors)
		return nil
	}
	return root
}

// anchored returns the first node with an anchor, or that is an alias.
func anchored(n *yaml.Node) *yaml.Node {
	if n.Anchor != "" || n.Kind == yaml.AliasNode {
		return n
	}
	for _, c := range n.Content {
		if found := anchored(c); found != nil {
			return found
		}
	}
	return nil
}

// notYAML notes that the file can't be read as YAML.
func (d *document) notYAML(line int, text string) {
	d.problems = append(d.problems, Problem{File: d.file, Line: line, Text: text})
}

func lineOf(content []byte, at int) int {
	return bytes.Count(content[:at], []byte("\n")) + 1
}

const (
	noAnchors        = "anchors and aliases (& and *) are not supported; write the value out, and quote a text that begins with such a character"
	controlCharacter = "has a control character; only line breaks and tabs may be in a text"
)

var (
	syntaxLine    = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?`)
	unknownAnchor = regexp.MustCompile(`unknown anchor '(.*)' referenced`)
	tabIndent     = regexp.MustCompile(`(?m)^ *\t`)
)

// syntaxError turns an error of the YAML library into a line and a sentence.
func syntaxError(content []byte, err error) (int, string) {
	m := syntaxLine.FindStringSubmatch(err.Error())
	line, _ := strconv.Atoi(m[1])
	text := strings.TrimPrefix(err.Error(), m[0])
	if a := unknownAnchor.FindStringSubmatch(text); a != nil { // may be a password that begins with *
		before, _, _ := bytes.Cut(content, []byte("*"+a[1]))
		return lineOf(content, len(before)), noAnchors
	}
	if tab := tabIndent.FindIndex(content); tab != nil {
		return lineOf(content, tab[0]), "is indented with a tab; YAML wants spaces"
	}
	switch {
	case strings.HasPrefix(text, "did not find expected"):
		line++ // the library counts these lines from 0
	case strings.HasPrefix(text, "mapping values are not allowed"):
		text += "; a text with a colon and a space in it needs quotes"
	}
	return max(line, 1), "is not YAML: " + text
}

var (
	nodeType       = reflect.TypeFor[yaml.Node]()
	durationType   = reflect.TypeFor[model.Duration]()
	tlsVersionType = reflect.TypeFor[promconfig.TLSVersion]()
	anyMap         = reflect.TypeFor[map[string]any]()
	anySlice       = reflect.TypeFor[[]any]()

	wholeNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)$`)
	number      = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
)

// check compares a node with the type that it is meant for, and notes what is wrong with it. It returns
// whether the node can be decoded; what can't has been taken out of it, so that the rest is checked too.
func (d *document) check(n *yaml.Node, t reflect.Type, key string) bool {
	if t.Kind() == reflect.Pointer {
		return d.check(n, t.Elem(), key)
	}
	switch {
	case len(key) > 500:
		d.problem(parent(key[:100]), "is nested too deeply")
	case n.Style&yaml.TaggedStyle != 0:
		d.problem(key, "tags (!) are not supported; write the value alone, and quote a text that begins with such a character")
	case n.Tag == "!!null":
		d.problem(key, "has no value; write one, or remove the key")
	case n.Kind == yaml.ScalarNode && strings.ContainsFunc(n.Value, unprintable):
		d.problem(key, controlCharacter)
	case t == nodeType:
		return true
	default:
		if u, ok := reflect.New(t).Interface().(unmarshaler); ok {
			return d.custom(n, t, u, key)
		}
		return d.plain(n, t, key)
	}
	return false
}

func unprintable(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t'
}

// An unmarshaler is a type with checks of its own, such as those of prometheus/common.
type unmarshaler interface {
	UnmarshalYAML(unmarshal func(any) error) error
}

// shape is the type of the value which UnmarshalYAML wants filled.
func shape(u unmarshaler) reflect.Type {
	var t reflect.Type
	_ = u.UnmarshalYAML(func(v any) error {
		t = reflect.TypeOf(v).Elem()
		return errors.New("only asked for the shape")
	})
	return t
}

// custom checks a node for a type with checks of its own: first its shape, then the checks.
func (d *document) custom(n *yaml.Node, t reflect.Type, u unmarshaler, key string) bool {
	before := len(d.problems)
	if !d.check(n, shape(u), key) || len(d.problems) > before {
		return false
	}
	err := n.Decode(reflect.New(t).Interface())
	var bad *url.Error
	switch {
	case err == nil:
		return true
	case t == durationType:
		d.problem(key, "is not a duration; write a whole number and a unit, such as 90s, 15m, 12h or 7d")
	case t == tlsVersionType:
		d.problem(key, "is not a version of TLS; write TLS12 or TLS13")
	case errors.As(err, &bad):
		d.problem(key, "is not a URL") // which may hold a password
	default:
		d.problem(key, "%s", err)
	}
	return false
}

// plain checks a node by the kind of its type.
func (d *document) plain(n *yaml.Node, t reflect.Type, key string) bool {
	scalar := n.Kind == yaml.ScalarNode
	var err error
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return d.mapping(n, t, key)
	case reflect.Slice:
		return d.list(n, t, key)
	case reflect.Interface:
		switch n.Kind {
		case yaml.MappingNode:
			return d.mapping(n, anyMap, key)
		case yaml.SequenceNode:
			return d.list(n, anySlice, key)
		}
		return true
	case reflect.String:
		if !scalar {
			d.problem(key, "must be a text")
			return false
		}
	case reflect.Bool:
		if !scalar || n.Tag != "!!bool" || n.Value != "true" && n.Value != "false" {
			d.problem(key, "must be true or false, without quotes")
			return false
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		_, err = strconv.ParseInt(n.Value, 10, t.Bits())
		if err != nil || n.Tag != "!!int" || !wholeNumber.MatchString(n.Value) {
			d.problem(key, "must be a whole number such as 10, without quotes and leading zeros")
			return false
		}
	case reflect.Float64:
		_, err = strconv.ParseFloat(n.Value, 64)
		if err != nil || n.Tag != "!!int" && n.Tag != "!!float" || !number.MatchString(n.Value) {
			d.problem(key, "must be a number such as 40 or 0.25, without quotes and leading zeros")
			return false
		}
	default:
		panic(fmt.Sprintf("config: %s is of a type that can't be read from a file: %s", key, t))
	}
	return true
}

func (d *document) list(n *yaml.Node, t reflect.Type, key string) bool {
	if n.Kind != yaml.SequenceNode {
		d.problem(key, "must be a list")
		return false
	}
	ok := true
	for i, e := range n.Content {
		sub := fmt.Sprintf("%s[%d]", key, i)
		d.lines[sub] = e.Line
		if d.check(e, t.Elem(), sub) {
			continue
		}
		if t.Elem().Kind() != reflect.Struct {
			ok = false
			continue
		}
		n.Content[i] = &yaml.Node{Kind: yaml.MappingNode, Line: e.Line} // so that the others keep their number
	}
	return ok
}

// mapping checks a mapping for a struct or map. The keys in others belong to somebody else, and are only
// named in messages.
func (d *document) mapping(n *yaml.Node, t reflect.Type, key string, others ...string) bool {
	if n.Kind != yaml.MappingNode {
		d.problem(key, "must be a mapping, with lines such as key: value")
		return false
	}
	f := fieldsOf(t)
	first := map[string]int{}
	var kept []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		want, known := f.types[k.Value]
		sub := child(key, k.Value, known)
		if line, twice := first[k.Value]; twice {
			d.wrong[sub] = true
			d.problems = append(d.problems, Problem{File: d.file, Line: k.Line, Key: sub, Text: fmt.Sprintf("is written twice; the first is in line %d", line)})
			continue
		}
		first[k.Value] = k.Line
		d.lines[sub] = k.Line
		if !known {
			want = f.rest
		}
		switch {
		case k.Kind != yaml.ScalarNode, k.Style&yaml.TaggedStyle != 0, strings.ContainsFunc(k.Value, unicode.IsControl):
			d.problem(sub, "is not a key; write a plain word")
		case k.Tag == "!!merge":
			d.problem(sub, "merge keys are not supported; write the keys out")
		case want == nil:
			all := slices.Concat(others, f.names)
			d.problem(sub, "unknown key%s (known keys: %s)", suggest(k.Value, all), strings.Join(all, ", "))
		case d.check(v, want, sub):
			kept = append(kept, k, v)
		}
	}
	n.Content = kept
	return true
}

// Fields are the keys of a struct or map.
type fields struct {
	names []string
	types map[string]reflect.Type
	rest  reflect.Type // of keys with any name; nil = there are none
}

func fieldsOf(t reflect.Type) fields {
	f := fields{types: map[string]reflect.Type{}}
	if t.Kind() == reflect.Map {
		f.rest = t.Elem()
		return f
	}
	for i := range t.NumField() {
		field := t.Field(i)
		name, flags, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case !field.IsExported() || name == "-":
		case strings.HasSuffix(name, "_ref"): // of prometheus/common, for a secret manager; here is none
		case strings.Contains(flags, "inline"):
			inner := fieldsOf(field.Type)
			f.names = append(f.names, inner.names...)
			for name, t := range inner.types {
				f.types[name] = t
			}
			if inner.rest != nil {
				f.rest = inner.rest
			}
		default:
			if name == "" {
				name = strings.ToLower(field.Name)
			}
			f.names = append(f.names, name)
			f.types[name] = field.Type
		}
	}
	return f
}

// suggest returns `; did you mean "x"?` where one of the known words is close to what was written.
func suggest(word string, known []string) string {
	best, limit := "", max((len(word)+1)/3, 1)+1
	if len(word) > 60 {
		return ""
	}
	for _, k := range known {
		if n := distance(word, k); n < limit {
			best, limit = k, n
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", best)
}

// distance is Levenshtein's: how many letters must be changed, added or removed.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
