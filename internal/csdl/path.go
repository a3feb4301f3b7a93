package csdl

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// A target is what a path leads to.
type target struct {
	reference
	count  bool // of a collection
	action bool
}

// find follows a path. Segments are those of RFC 3986, escaped.
//
// SharePoint's addressing by path, sites/{hostname}:/{path} or sites/{hostname}:/{path}:/pages, is no part of OData, so no
// description has it. It stands for the function getByPath, and is let pass where what is before the colon has that.
func (d *Description) find(path string) (target, error) {
	var at target
	rest, ok := strings.CutPrefix(path, "/v1.0/")
	if !ok {
		return at, errors.New("does not begin with /v1.0/")
	}
	segments := strings.Split(rest, "/")
	for i, s := range segments {
		var err error
		if segments[i], err = url.PathUnescape(s); err != nil {
			return at, fmt.Errorf("segment is escaped wrongly: %w", err)
		}
	}
	for len(segments) > 0 {
		segment, byPath := strings.CutSuffix(segments[0], ":")
		segments = segments[1:]
		var err error
		if at, err = d.step(at, segment); err != nil {
			return at, err
		}
		if !byPath {
			continue
		}
		if at, err = d.call(at, "", "getByPath", map[string]string{"path": "''"}); err != nil {
			return at, fmt.Errorf("after a colon: %w", err)
		}
		if segments, err = beyond(segments); err != nil {
			return at, err
		}
	}
	return at, nil
}

// beyond skips a path within a path: all segments, or all up to one that ends with a colon.
func beyond(segments []string) ([]string, error) {
	for i, s := range segments {
		s, last := strings.CutSuffix(s, ":")
		if s == "" {
			break
		}
		if last || i == len(segments)-1 {
			return segments[i+1:], nil
		}
	}
	return nil, errors.New("there is no path after the colon")
}

// step follows one segment.
func (d *Description) step(at target, segment string) (target, error) {
	name, arguments, called := strings.Cut(segment, "(")
	if called {
		var closed bool
		if arguments, closed = strings.CutSuffix(arguments, ")"); !closed {
			return at, fmt.Errorf("segment %q has no closing bracket", name)
		}
	}
	namespace, base := d.split(name)
	_, qualified := d.namespaces[namespace]
	switch of := d.structures[namespace+"."+base]; {
	case segment == "":
		return at, errors.New("has an empty segment")
	case at.count:
		return at, fmt.Errorf("nothing comes after $count, such as %q", name)
	case at.action:
		return at, fmt.Errorf("nothing comes after an action, such as %q", name)
	case segment == "$count" && at.many:
		return target{reference: at.reference, count: true}, nil
	case qualified && of != nil && !called:
		if !d.is(of.Name, at.name) {
			return at, fmt.Errorf("%s is no kind of %s", name, at)
		}
		return target{reference: reference{name: of.Name, many: at.many}}, nil
	case qualified:
		return d.invoke(at, namespace, base, arguments)
	case d.offers(at.reference, name):
		return d.invoke(at, "", name, arguments)
	case at.many:
		return d.entity(at, segment)
	}
	next, ok := d.roots[name]
	if at.name != "" {
		var p *property
		if p = d.property(at.name, name); p != nil {
			next = p.Type
		}
		ok = p != nil
	}
	switch {
	case !ok:
		return at, fmt.Errorf("%s has no %q", at, name)
	case called && !next.many:
		return at, fmt.Errorf("%q is not a collection, and has no keys", name)
	case called:
		return d.keyed(target{reference: next}, name, arguments)
	}
	return target{reference: next}, nil
}

// entity follows a segment that is the key of one of a collection.
func (d *Description) entity(at target, key string) (target, error) {
	p := d.key(at.name)
	if p == nil {
		return at, fmt.Errorf("%s has no operation of this name, and no keys", at)
	}
	if p.Type.name != "Edm.String" && !d.literal(key, p.Type) {
		return at, fmt.Errorf("the key %s of %s is of type %s", p.Name, at, p.Type)
	}
	return target{reference: at.one()}, nil
}

// keyed follows a key in brackets: ('a'), (id='a'). Which properties besides the key tell entities apart is not read.
func (d *Description) keyed(at target, name, key string) (target, error) {
	p, value := d.key(at.name), key
	if by, v, named := strings.Cut(key, "="); named && !strings.Contains(by, "'") {
		p, value = d.property(at.name, by), v
	}
	if p == nil || value == "null" || !d.literal(value, p.Type) {
		return at, fmt.Errorf("what is in brackets after %q is no key of %s", name, at.name)
	}
	return target{reference: at.one()}, nil
}

// bound lists the operations of a name that are bound to what was reached.
func (d *Description) bound(at reference, namespace, name string) []*operation {
	var all []*operation
	if at.name == "" {
		if name = d.imports[name]; name == "" {
			return nil
		}
	}
	for _, o := range d.operations[name] {
		if o.IsBound == (at.name != "") && o.binding.many == at.many && d.is(at.name, o.binding.name) && (namespace == "" || namespace == o.namespace) {
			all = append(all, o)
		}
	}
	return all
}

func (d *Description) offers(at reference, name string) bool { return d.bound(at, "", name) != nil }

// invoke follows a segment that calls an operation.
func (d *Description) invoke(at target, namespace, name, arguments string) (target, error) {
	given := map[string]string{}
	for _, argument := range split(arguments, ',') {
		parameter, value, ok := strings.Cut(argument, "=")
		if _, twice := given[parameter]; !ok || twice {
			return at, fmt.Errorf("parameters of %s are written name=value, each once", name)
		}
		given[parameter] = value
	}
	return d.call(at, namespace, name, given)
}

// call calls the operation of a name whose parameters fit.
func (d *Description) call(at target, namespace, name string, given map[string]string) (target, error) {
	all := d.bound(at.reference, namespace, name)
	if all == nil {
		return at, fmt.Errorf("%s has no %q", at, name)
	}
	var problems []string
	for _, o := range all {
		err := d.accepts(o, given)
		if err == nil {
			next := target{action: o.action}
			if o.Returns != nil {
				next.reference = o.Returns.Type
			}
			return next, nil
		}
		problems = append(problems, err.Error())
	}
	return at, errors.New(strings.Join(slices.Compact(problems), ", or "))
}

// accepts tells whether an operation can be called with parameters in the address; those of an action are elsewhere.
func (d *Description) accepts(o *operation, given map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(given)) {
		i := slices.IndexFunc(o.Parameters, func(p *property) bool { return p.Name == name })
		switch {
		case i < 0 || o.action:
			return fmt.Errorf("%s has no parameter %q", o.Name, name)
		case given[name] == "null" && !o.Parameters[i].null(), !d.literal(given[name], o.Parameters[i].Type):
			return fmt.Errorf("the parameter %s of %s is of type %s", name, o.Name, o.Parameters[i].Type)
		}
	}
	for _, p := range o.Parameters {
		if _, ok := given[p.Name]; !ok && !o.action && !p.optional() {
			return fmt.Errorf("%s needs the parameter %s", o.Name, p.Name)
		}
	}
	return nil
}

func (p *property) optional() bool {
	for _, a := range p.Annotations {
		if a.Term == "Org.OData.Core.V1.OptionalParameter" {
			return true
		}
	}
	return false
}

// split cuts a text where a byte stands outside of quotes and brackets.
func split(s string, at byte) []string {
	if s == "" {
		return nil
	}
	var parts []string
	depth, quoted, begin := 0, false, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == at && depth == 0:
			parts = append(parts, s[begin:i])
			begin = i + 1
		}
	}
	return append(parts, s[begin:])
}
