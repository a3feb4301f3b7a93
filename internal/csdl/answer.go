package csdl

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Answer tells what is wrong with what is answered to the request for a path, or nil. What the API leaves out, because of
// $select or for other reasons, is not wrong.
func (d *Description) Answer(path string, body []byte) error {
	at, err := d.find(path)
	if err != nil {
		return fmt.Errorf("path: %w", err)
	}
	if at.name == "" {
		return errors.New("answer: there is nothing to answer")
	}
	if at.count { // plain text, which may begin with a byte order mark
		if !whole(64)(string(bytes.TrimPrefix(body, []byte("\ufeff")))) {
			return errors.New("answer: is not a number")
		}
		return nil
	}
	value := jsontext.Value(body)
	if !value.IsValid() {
		return errors.New("answer: is not JSON")
	}
	if d.structures[at.name] != nil && !at.many {
		err = d.object(at.name, value, at.name)
	} else {
		err = d.wrapped(at.reference, value)
	}
	if err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}

// wrapped tells what is wrong with a collection or a single value, which come as the member value of an object.
func (d *Description) wrapped(of reference, value jsontext.Value) error {
	members, err := members(value)
	if err != nil {
		return err
	}
	inner, ok := members["value"]
	if !ok {
		return errors.New("has no member value")
	}
	delete(members, "value")
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !strings.HasPrefix(name, "@") {
			return fmt.Errorf("%q is neither value nor an annotation", name)
		}
		if err := annotation(name, members[name]); err != nil {
			return err
		}
	}
	return d.value(of, false, inner, "value")
}

// annotation tells what is wrong with one of those that clients go by.
func annotation(name string, value jsontext.Value) error {
	kind, known := map[string]jsontext.Kind{"@odata.context": '"', "@odata.nextLink": '"', "@odata.type": '"', "@odata.count": '0'}[name]
	if known && value.Kind() != kind {
		return fmt.Errorf("%s has a value of another kind", name)
	}
	return nil
}

func members(value jsontext.Value) (map[string]jsontext.Value, error) {
	if value.Kind() != '{' {
		return nil, errors.New("is not an object")
	}
	var members map[string]jsontext.Value
	err := json.Unmarshal(value, &members)
	return members, err
}

// object tells what is wrong with an entity or a complex value.
func (d *Description) object(of string, value jsontext.Value, path string) error {
	members, err := members(value)
	if err != nil {
		return fmt.Errorf("%s %w", path, err)
	}
	if kind, ok := members["@odata.type"]; ok {
		namespace, name := d.split(strings.Trim(string(kind), `"#`))
		derived := namespace + "." + name
		if !d.is(derived, of) {
			return fmt.Errorf("%s/@odata.type is no kind of %s", path, of)
		}
		of = derived
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if strings.HasPrefix(name, "@") {
			if err := annotation(name, members[name]); err != nil {
				return err
			}
			continue
		}
		base, _, annotated := strings.Cut(name, "@")
		p := d.property(of, base)
		switch {
		case p == nil && !d.open(of):
			return fmt.Errorf("%s has no property %q", of, base)
		case p == nil || annotated:
			continue
		}
		if err := d.value(p.Type, p.null(), members[name], path+"/"+name); err != nil {
			return err
		}
	}
	return nil
}

// value tells what is wrong with the value of a property.
func (d *Description) value(of reference, null bool, value jsontext.Value, path string) error {
	kind := value.Kind()
	switch {
	case of.many:
		var items []jsontext.Value
		if err := json.Unmarshal(value, &items); err != nil || kind != '[' {
			return fmt.Errorf("%s is not a list", path)
		}
		for _, item := range items {
			if err := d.value(of.one(), null, item, path); err != nil {
				return err
			}
		}
		return nil
	case kind == 'n' && null:
		return nil
	case kind == 'n':
		return fmt.Errorf("%s is null", path)
	case d.structures[of.name] != nil:
		return d.object(of.name, value, path)
	}
	text, bare := []byte(value), kind != '"'
	if !bare {
		text, _ = jsontext.AppendUnquote(nil, value) // all of the answer is valid JSON
	}
	p, known := primitives[of.name]
	valid := p.valid
	switch e := d.enums[of.name]; {
	case e != nil:
		valid = e.has
	case !known:
		valid = anything
	}
	if bare != p.bare || !valid(string(text)) {
		return fmt.Errorf("%s is not of type %s", path, of)
	}
	return nil
}
