package csdl

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// known are the options that a query can have.
var known = []string{"$count", "$expand", "$filter", "$orderby", "$select", "$skiptoken", "$top"}

// Request tells what is wrong with a request, or nil. The path is escaped and begins with /v1.0/.
func (d *Description) Request(method, path, rawQuery string) error {
	at, err := d.find(path)
	if err != nil {
		return fmt.Errorf("path: %w", err)
	}
	if want := map[bool]string{false: http.MethodGet, true: http.MethodPost}[at.action]; method != want {
		return fmt.Errorf("method: what the path leads to takes %s", want)
	}
	options, err := url.ParseQuery(rawQuery)
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(options)) {
		switch {
		case len(options[name]) > 1:
			err = fmt.Errorf("%q is there twice", name)
		case at.count && name != "$filter":
			err = fmt.Errorf("%q does not go with $count in the path", name)
		default:
			err = d.option(at.reference, name, options[name][0])
		}
		if err != nil {
			return fmt.Errorf("query: %w", err)
		}
	}
	return nil
}

// option tells what is wrong with an option of a query for something.
func (d *Description) option(of reference, name, value string) error {
	switch {
	case !slices.Contains(known, name):
		return fmt.Errorf("%q is not known", name)
	case !of.many && name != "$select" && name != "$expand":
		return fmt.Errorf("%s is for collections, and this is %s", name, of)
	}
	if err := d.chosen(of, name, value); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// chosen tells what is wrong with the value of an option.
func (d *Description) chosen(of reference, name, value string) error {
	valid := true
	switch name {
	case "$filter":
		return d.filter(of, value)
	case "$top":
		n, err := strconv.Atoi(value)
		valid = err == nil && n > 0
	case "$skiptoken":
		valid = value != ""
	case "$count":
		valid = value == "true" || value == "false"
	case "$select":
		return each(value, func(path string) error {
			if path == "*" {
				return nil
			}
			_, err := d.reach(of.one(), strings.Split(path, "/"))
			return err
		})
	case "$orderby":
		return each(value, func(item string) error {
			path, direction, _ := strings.Cut(item, " ")
			if direction != "" && direction != "asc" && direction != "desc" {
				return errors.New("has a direction that is neither asc nor desc")
			}
			_, err := d.reach(of.one(), strings.Split(path, "/"))
			return err
		})
	case "$expand":
		return each(value, func(item string) error { return d.expand(of, item) })
	}
	if !valid {
		return errors.New("can't have this value")
	}
	return nil
}

// each tells what is wrong with the first bad item of a list.
func each(list string, wrong func(item string) error) error {
	items := split(list, ',')
	if items == nil {
		return errors.New("is empty")
	}
	for _, item := range items {
		if err := wrong(strings.TrimSpace(item)); err != nil {
			return err
		}
	}
	return nil
}

// reach follows names of properties. From a collection none leads on.
func (d *Description) reach(at reference, names []string) (reference, error) {
	for _, name := range names {
		p := d.property(at.name, name)
		if p == nil || at.many {
			return at, fmt.Errorf("%s has no property %q", at, name)
		}
		at = p.Type
	}
	return at, nil
}

// expand tells what is wrong with one item of $expand: a navigation property, with options in brackets.
func (d *Description) expand(of reference, item string) error {
	name, options, optional := strings.Cut(item, "(")
	to, err := d.reach(of.one(), []string{name})
	switch {
	case err != nil:
		return err
	case d.key(to.name) == nil:
		return fmt.Errorf("%q has nothing to expand", name)
	case !optional:
		return nil
	}
	options, closed := strings.CutSuffix(options, ")")
	if !closed {
		return fmt.Errorf("%q has no closing bracket", name)
	}
	for _, o := range split(options, ';') {
		option, value, _ := strings.Cut(o, "=")
		if err := d.option(to, option, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
