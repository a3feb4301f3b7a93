// Package csdl holds requests and answers against a published description of an OData API (CSDL, version 4): does what is
// asked for exist, and could the API answer so? It is for tests of what speaks to such an API, and of what plays it.
//
// It judges reading alone: GET, and POST of an action. Headers, permissions and limits are not in a description.
package csdl

import (
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"strings"
)

// A Description is what an API says of itself.
type Description struct {
	namespaces map[string]string     // full names, by themselves and by alias
	structures map[string]*structure // by full name, as all types
	enums      map[string]*enumeration
	operations map[string][]*operation // by name without namespace
	roots      map[string]reference    // entity sets and singletons
	imports    map[string]string       // functions that are bound to nothing, as paths name them
}

// A reference names a type: Edm.String, or one that is described. That of nothing stands for the root of all paths.
type reference struct {
	name string
	many bool // a collection of these
}

// UnmarshalText reads "graph.user" and "Collection(graph.user)".
func (r *reference) UnmarshalText(text []byte) error {
	r.name, r.many = strings.CutPrefix(strings.TrimSuffix(string(text), ")"), "Collection(")
	return nil
}

// one is a reference to one of a collection.
func (r reference) one() reference { return reference{name: r.name} }

func (r reference) String() string {
	switch {
	case r.name == "":
		return "the API"
	case r.many:
		return "a collection of " + r.name
	}
	return r.name
}

// A structure is an entity type or a complex type.
type structure struct {
	Name        string      `xml:",attr"`
	BaseType    reference   `xml:",attr"`
	OpenType    bool        `xml:",attr"` // has properties besides those that are described
	Properties  []*property `xml:"Property"`
	Navigations []*property `xml:"NavigationProperty"`
	Keys        []*property `xml:"Key>PropertyRef"`
	base        *structure
}

// A property is one of a structure, a parameter, or what an operation returns.
type property struct {
	Name        string    `xml:",attr"`
	Type        reference `xml:",attr"`
	Nullable    *bool     `xml:",attr"`
	Annotations []struct {
		Term string `xml:",attr"`
	} `xml:"Annotation"`
}

// null tells whether null may stand for p. It may where nothing is said.
func (p *property) null() bool { return p.Nullable == nil || *p.Nullable }

// An enumeration is a type with a closed list of values.
type enumeration struct {
	Name    string `xml:",attr"`
	IsFlags bool   `xml:",attr"` // a value is several of the list
	Members []struct {
		Name string `xml:",attr"`
	} `xml:"Member"`
}

// An operation is a function or an action. What it is bound to is its first parameter.
type operation struct {
	Name       string      `xml:",attr"`
	IsBound    bool        `xml:",attr"`
	Parameters []*property `xml:"Parameter"`
	Returns    *property   `xml:"ReturnType"`
	namespace  string
	action     bool
	binding    reference
}

// A schema is one namespace of a document.
type schema struct {
	Namespace  string         `xml:",attr"`
	Alias      string         `xml:",attr"`
	Entities   []*structure   `xml:"EntityType"`
	Complex    []*structure   `xml:"ComplexType"`
	Enums      []*enumeration `xml:"EnumType"`
	Functions  []*operation   `xml:"Function"`
	Actions    []*operation   `xml:"Action"`
	Sets       []*root        `xml:"EntityContainer>EntitySet"`
	Singletons []*root        `xml:"EntityContainer>Singleton"`
	Imports    []*root        `xml:"EntityContainer>FunctionImport"`
}

// A root is what a path can begin with.
type root struct {
	Name       string    `xml:",attr"`
	EntityType reference `xml:",attr"`
	Type       reference `xml:",attr"`
	Function   string    `xml:",attr"`
}

// Open reads a description from a file, as Load does.
func Open(name string) (*Description, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read description: %w", err)
	}
	defer func() { _ = f.Close() }()
	return Load(f)
}

// Load reads a description. All types that it speaks of must be in it.
func Load(r io.Reader) (*Description, error) {
	var document struct {
		Schemas []*schema `xml:"DataServices>Schema"`
	}
	if err := xml.NewDecoder(r).Decode(&document); err != nil {
		return nil, fmt.Errorf("read description: %w", err)
	}
	d := &Description{
		namespaces: map[string]string{}, structures: map[string]*structure{}, enums: map[string]*enumeration{},
		operations: map[string][]*operation{}, roots: map[string]reference{}, imports: map[string]string{},
	}
	for _, s := range document.Schemas {
		d.namespaces[s.Namespace], d.namespaces[s.Alias] = s.Namespace, s.Namespace
		for _, t := range append(s.Entities, s.Complex...) {
			t.Name = s.Namespace + "." + t.Name
			d.structures[t.Name] = t
		}
		for _, e := range s.Enums {
			e.Name = s.Namespace + "." + e.Name
			d.enums[e.Name] = e
		}
		for _, o := range s.Actions {
			o.action = true
		}
		for _, o := range append(s.Functions, s.Actions...) {
			o.namespace = s.Namespace
			d.operations[o.Name] = append(d.operations[o.Name], o)
		}
	}
	delete(d.namespaces, "")
	for _, s := range document.Schemas {
		if err := d.link(s); err != nil {
			return nil, fmt.Errorf("read description: %w", err)
		}
	}
	for _, t := range d.structures {
		for base, n := t.base, 0; base != nil; base, n = base.base, n+1 {
			if n > len(d.structures) {
				return nil, fmt.Errorf("read description: %s is based on itself", t.Name)
			}
		}
	}
	return d, nil
}

// link gives all that a schema refers to its full name.
func (d *Description) link(s *schema) error {
	for _, t := range append(s.Entities, s.Complex...) {
		if t.BaseType.name != "" {
			if err := d.resolve(&t.BaseType); err != nil {
				return err
			}
			t.base = d.structures[t.BaseType.name]
		}
		for _, p := range append(t.Properties, t.Navigations...) {
			if err := d.resolve(&p.Type); err != nil {
				return fmt.Errorf("%s/%s: %w", t.Name, p.Name, err)
			}
		}
	}
	for _, o := range append(s.Functions, s.Actions...) {
		for _, p := range o.Parameters {
			if err := d.resolve(&p.Type); err != nil {
				return fmt.Errorf("%s: %w", o.Name, err)
			}
		}
		if o.Returns != nil {
			if err := d.resolve(&o.Returns.Type); err != nil {
				return fmt.Errorf("%s: %w", o.Name, err)
			}
		}
		if o.IsBound && len(o.Parameters) > 0 {
			o.binding, o.Parameters = o.Parameters[0].Type, o.Parameters[1:]
		}
	}
	for _, r := range append(s.Sets, s.Singletons...) {
		of := r.Type
		if of.name == "" {
			of = reference{name: r.EntityType.name, many: true}
		}
		if err := d.resolve(&of); err != nil {
			return fmt.Errorf("%s: %w", r.Name, err)
		}
		d.roots[r.Name] = of
	}
	for _, r := range s.Imports {
		_, d.imports[r.Name] = d.split(r.Function)
	}
	return nil
}

// resolve gives a reference its full name.
func (d *Description) resolve(r *reference) error {
	namespace, name := d.split(r.name)
	if namespace == "Edm" {
		return nil
	}
	r.name = namespace + "." + name
	if d.structures[r.name] == nil && d.enums[r.name] == nil {
		return fmt.Errorf("there is no type %s", r.name)
	}
	return nil
}

// split takes the full name of something apart.
func (d *Description) split(name string) (namespace, rest string) {
	dot := strings.LastIndexByte(name, '.')
	if dot < 0 {
		return "", name
	}
	namespace = name[:dot]
	if full, ok := d.namespaces[namespace]; ok {
		namespace = full
	}
	return namespace, name[dot+1:]
}

// is tells whether a type is another one, or based on it.
func (d *Description) is(name, other string) bool {
	if name == other {
		return true
	}
	for t := d.structures[name]; t != nil; t = t.base {
		if t.Name == other {
			return true
		}
	}
	return false
}

// property finds a property or navigation property of a type.
func (d *Description) property(of, name string) *property {
	for t := d.structures[of]; t != nil; t = t.base {
		for _, p := range t.Properties {
			if p.Name == name {
				return p
			}
		}
		for _, p := range t.Navigations {
			if p.Name == name {
				return p
			}
		}
	}
	return nil
}

// key finds the property by which the entities of a type are told apart, or nil.
func (d *Description) key(of string) *property {
	for t := d.structures[of]; t != nil; t = t.base {
		if len(t.Keys) == 1 {
			return d.property(of, t.Keys[0].Name)
		}
	}
	return nil
}

// open tells whether the values of a type have properties that are not described.
func (d *Description) open(of string) bool {
	for t := d.structures[of]; t != nil; t = t.base {
		if t.OpenType {
			return true
		}
	}
	return false
}
