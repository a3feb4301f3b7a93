package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/intranet-exporter/intranet_exporter/collector"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

var update = flag.Bool("update", false, "write docs/intranet.schema.json anew")

// The JSON Schema of the file is made of what there is anyhow. Keys and types are those of the structs that the loader
// fills, descriptions and what must be there are those of the documentation.
func TestSchema(t *testing.T) {
	const file = "../docs/intranet.schema.json"
	g := newGenerator(t)
	g.pages = true
	got := g.file(collector.Types)
	for section, keys := range g.documented {
		for path := range keys {
			if !g.used[section+" "+path] {
				t.Errorf("docs/configuration.md has the key %s in the section %s, and the file does not", path, section)
			}
		}
	}
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, got) {
		t.Error("docs/intranet.schema.json is not what is made of code and documentation today; go test ./config -run Schema -update writes it")
	}
}

type schema = map[string]any

// A generator makes the schema.
type generator struct {
	*testing.T
	documented map[string]map[string]documentedKey // by section and path
	used       map[string]bool                     // of these, as "section path"
	pages      bool                                // whether each type of platform has a page that describes its keys
	types      schema                              // $defs
}

func newGenerator(t *testing.T) generator {
	return generator{T: t, documented: documentedKeys(t), used: map[string]bool{}, types: schema{}}
}

// file returns the schema of a file with platforms of these types.
func (g *generator) file(types map[string]collector.New) []byte {
	root := g.object(reflect.TypeFor[fileKeys](), "The file", "")
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "The config file of intranet_exporter"
	root["$defs"] = g.types
	g.types["duration"] = schema{"type": []string{"string", "integer"}, "pattern": `^(0|([0-9]+(ms|[smhdwy]))+)$`, "minimum": 0, "maximum": 0}
	g.platforms(types)
	for path, text := range unwritten {
		var more schema
		if err := json.Unmarshal([]byte(text), &more); err != nil {
			g.Fatal(err)
		}
		maps.Copy(at(g.types, path), more)
	}
	maps.Copy(at(root, "properties.platforms"), schema{"minItems": 1})
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(root); err != nil {
		g.Fatal(err)
	}
	return out.Bytes()
}

// unwritten is what neither the structs nor the notation of the documentation say.
var unwritten = map[string]string{
	"objective.properties.kpis": `{"minItems": 1}`,
	"threshold": `{"anyOf": [{"required": ["at"]}, {"required": ["below"]}, {"required": ["above"]}, {"required": ["drop"]}, {"required": ["rise"]}],
		"dependentSchemas": {"against": {"anyOf": [{"required": ["drop"]}, {"required": ["rise"]}]}}}`,
	"threshold.properties.drop": `{"exclusiveMinimum": 0, "exclusiveMaximum": 1}`,
	"threshold.properties.rise": `{"exclusiveMinimum": 0}`,
	"kpi": `{"allOf": [
		{"if": {"properties": {"status": {"const": "retired"}}, "required": ["status"]},
			"then": {"required": ["reason"]},
			"else": {"required": ["review"], "properties": {"reason": false}}},
		{"if": {"properties": {"status": {"enum": ["context", "retired"]}}, "required": ["status"]},
			"else": {"required": ["owner"]}},
		{"if": {"properties": {"direction": {"const": "range"}}, "required": ["direction"]},
			"then": {"properties": {"warning": {"properties": {"at": false}}, "critical": {"properties": {"at": false}}}},
			"else": {"properties": {"warning": {"properties": {"below": false, "above": false}}, "critical": {"properties": {"below": false, "above": false}}}}},
		{"if": {"properties": {"direction": {"enum": ["lower", "range"]}}, "required": ["direction"]},
			"else": {"properties": {"warning": {"properties": {"rise": false}}, "critical": {"properties": {"rise": false}}}}},
		{"if": {"properties": {"direction": {"const": "lower"}}, "required": ["direction"]},
			"then": {"properties": {"warning": {"properties": {"drop": false}}, "critical": {"properties": {"drop": false}}}}}
	]}`,
}

// at returns what lies at a path.
func at(s schema, path string) schema {
	for step := range strings.SplitSeq(path, ".") {
		s, _ = s[step].(schema)
	}
	return s
}

// platforms defines each type of platform: the keys that all have, and its own.
func (g *generator) platforms(types map[string]collector.New) {
	names := slices.Sorted(maps.Keys(types))
	var branches []schema
	for _, name := range names {
		branches = append(branches, schema{
			"if":   schema{"properties": schema{"type": schema{"const": name}}, "required": []string{"type"}},
			"then": schema{"$ref": "#/$defs/" + name},
		})
		own := map[string]documentedKey{}
		if g.pages {
			own = documentedOwn(g.T, name)
		}
		g.types[name] = g.platform(types[name], own)
	}
	g.types["platform"] = schema{
		"type":       "object",
		"properties": schema{"type": schema{"description": "What sort of platform it is.", "enum": names}},
		"required":   []string{"name", "type"},
		"allOf":      branches,
	}
}

func (g *generator) platform(create collector.New, own map[string]documentedKey) schema {
	var keys reflect.Type
	_, _ = create(func(v any) error {
		keys = reflect.TypeOf(v).Elem()
		return errNoted
	}, collector.Options{})
	s := g.object(reflect.TypeFor[platformKeys](), "platform", "")
	for name, t := range fieldsOf(keys).types {
		if _, common := g.documented["platform"][name]; common { // to all that are reached over HTTP
			s["properties"].(schema)[name] = g.key(t, "platform", name)
		} else {
			s["properties"].(schema)[name] = plain(g.T, t)
		}
	}
	for path, k := range own {
		of, name := s, path
		if above, key, below := strings.Cut(path, "."); below {
			of, name = at(s, "properties."+above), key
			if items := at(of, "items"); items != nil {
				of = items
			}
		}
		property := at(of, "properties."+name)
		if property == nil || property["description"] != nil {
			continue
		}
		property["description"] = k.text
		if k.required {
			others, _ := of["required"].([]string)
			of["required"] = slices.Sorted(slices.Values(append(others, name)))
		}
	}
	for name, property := range s["properties"].(schema) {
		if _, common := g.documented["platform"][name]; g.pages && !common && property.(schema)["description"] == nil {
			g.Errorf("docs/collectors has no row for the key %s in the tables of keys", name)
		}
	}
	return s
}

// object returns the schema of a struct, whose keys docs/configuration.md describes in a section, below a path.
func (g *generator) object(t reflect.Type, section, path string) schema {
	properties := schema{}
	var required []string
	for name, t := range fieldsOf(t).types {
		sub := strings.TrimPrefix(path+"."+name, ".")
		properties[name] = g.key(t, section, sub)
		if g.documented[section][sub].required {
			required = append(required, name)
		}
	}
	s := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if required != nil {
		s["required"] = slices.Sorted(slices.Values(required))
	}
	return s
}

// key returns the schema of one key.
func (g *generator) key(t reflect.Type, section, path string) schema {
	k, ok := g.documented[section][path]
	if !ok {
		g.Errorf("docs/configuration.md does not have the key %s in the section %s", path, section)
	}
	g.used[section+" "+path] = true
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	s := g.kind(t, k.kind, section, path)
	if k.text != "" {
		s["description"] = k.text
	}
	return s
}

// kind returns the schema of what the documentation writes as <text>, a | b, [ <text>, ... ], or as a mapping with
// keys of its own. It holds that the loader reads the same.
func (g *generator) kind(t reflect.Type, kind, section, path string) schema {
	inner, list := strings.CutPrefix(kind, "[ ")
	known, leaf := kinds[kind]
	switch {
	case list && t.Kind() == reflect.Slice:
		return schema{"type": "array", "items": g.kind(t.Elem(), strings.TrimSuffix(inner, ", ... ]"), section, path)}
	case kind == "" && t.Kind() == reflect.Struct:
		return g.object(t, section, path)
	case leaf && (t == known.read || known.read == nil):
		s := plain(g.T, t)
		maps.Copy(s, known.schema)
		return s
	case strings.Contains(kind, " | ") && t.Kind() == reflect.String:
		return schema{"enum": strings.Split(kind, " | ")}
	}
	name := strings.Trim(kind, "<>")
	if g.documented[name] == nil || t.Kind() != reflect.Struct {
		g.Fatalf("docs/configuration.md says that %s is %q, and the loader reads %s", path, kind, t)
	}
	if t != nodeType && g.types[name] == nil {
		g.types[name] = g.object(t, name, "")
	}
	return schema{"$ref": "#/$defs/" + name}
}

var text = reflect.TypeFor[string]()

// kinds are the types of docs/configuration.md: what the loader reads, and what the schema says besides.
var kinds = map[string]struct {
	read   reflect.Type // nil = whatever it is
	schema schema
}{
	"<text>":                      {text, schema{"pattern": `\S`, "maxLength": maxText}},
	"<slug>":                      {text, schema{"pattern": slug.String(), "maxLength": maxSlug}},
	"<date>":                      {text, schema{"format": "date"}},
	"<days, such as 7d>":          {text, schema{"pattern": `^[1-9][0-9]{0,3}d$`}},
	"<text with {name} in it>":    {text, schema{"pattern": `\{name\}`}},
	"<name in the IANA database>": {text, nil},
	"<regexp>":                    {text, nil},
	"<address>":                   {text, nil},
	"<bool>":                      {reflect.TypeFor[bool](), nil},
	"<number>":                    {reflect.TypeFor[float64](), nil},
	"<duration>":                  {durationType, nil},
	"<HTTP client configuration>": {nil, nil},
	"<measure>": {text, schema{"anyOf": []schema{
		{"enum": slices.DeleteFunc(measurable(), func(name string) bool { return strings.Contains(name, ".") })},
		{"pattern": `^(` + strings.Join(named(), "|") + `)\.[a-z][a-z0-9_-]*$`},
	}}},
}

// named lists the measures that need a name.
func named() []string {
	var all []string
	for _, m := range measure.All {
		if m.Named() {
			all = append(all, m.Name)
		}
	}
	return all
}

// plain returns what a Go type alone says.
func plain(t *testing.T, of reflect.Type) schema {
	t.Helper()
	if of == durationType {
		return schema{"$ref": "#/$defs/duration"}
	}
	if u, ok := reflect.New(of).Interface().(unmarshaler); ok {
		return plain(t, shape(u))
	}
	switch of.Kind() {
	case reflect.Pointer:
		return plain(t, of.Elem())
	case reflect.Slice:
		return schema{"type": "array", "items": plain(t, of.Elem())}
	case reflect.Map, reflect.Struct:
		return mapping(t, of)
	case reflect.String:
		return schema{"type": "string"}
	case reflect.Bool:
		return schema{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return schema{"type": "integer"}
	case reflect.Float64:
		return schema{"type": "number"}
	case reflect.Interface:
		return schema{}
	}
	t.Fatalf("%s has no schema", of)
	return nil
}

func mapping(t *testing.T, of reflect.Type) schema {
	t.Helper()
	fields := fieldsOf(of)
	if of == reflect.TypeFor[map[measure.Kind]string]() {
		fields.types, fields.rest = map[string]reflect.Type{}, nil
		for _, kind := range measure.EventKinds {
			fields.types[string(kind)] = text
		}
	}
	properties := schema{}
	for name, t2 := range fields.types {
		properties[name] = plain(t, t2)
	}
	s := schema{"type": "object", "properties": properties, "additionalProperties": false}
	if fields.rest != nil {
		s["additionalProperties"] = plain(t, fields.rest)
	}
	return s
}
