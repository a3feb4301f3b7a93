package csdl

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A primitive is how the values of a type that is no text are written.
type primitive struct {
	bare  bool // without quotes in JSON, too; in addresses none has them
	valid func(text string) bool
}

var primitives = map[string]primitive{
	"Edm.Boolean":        {bare: true, valid: matches(`true|false`)},
	"Edm.Byte":           {bare: true, valid: matches(`1?\d?\d|2[0-4]\d|25[0-5]`)},
	"Edm.Int16":          {bare: true, valid: whole(16)},
	"Edm.Int32":          {bare: true, valid: whole(32)},
	"Edm.Int64":          {bare: true, valid: whole(64)},
	"Edm.Single":         {bare: true, valid: number},
	"Edm.Double":         {bare: true, valid: number},
	"Edm.Decimal":        {bare: true, valid: number},
	"Edm.Guid":           {valid: matches(`[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}`)},
	"Edm.Date":           {valid: moment(time.DateOnly)},
	"Edm.DateTimeOffset": {valid: moment(time.RFC3339)},
	"Edm.TimeOfDay":      {valid: matches(`([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,12})?)?`)},
	"Edm.Duration":       {valid: matches(`-?P(\d+D)?(T(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?`)},
	"Edm.Binary":         {valid: matches(`[A-Za-z0-9_-]*=*`)},
}

// anything is how the values of all other types are written, which are texts.
func anything(string) bool { return true }

func matches(expression string) func(string) bool {
	return regexp.MustCompile(`^(` + expression + `)$`).MatchString
}

func whole(bits int) func(string) bool {
	return func(text string) bool {
		_, err := strconv.ParseInt(text, 10, bits)
		return err == nil && text[0] != '+'
	}
}

var number = matches(`-?\d+(\.\d+)?([eE][+-]?\d+)?`)

func moment(layout string) func(string) bool {
	return func(text string) bool {
		_, err := time.Parse(layout, text)
		return err == nil
	}
}

// has tells whether a text is a value of the enumeration.
func (e *enumeration) has(text string) bool {
	values := []string{text}
	if e.IsFlags {
		values = strings.Split(text, ",")
	}
	return !slices.ContainsFunc(values, func(value string) bool {
		for _, m := range e.Members {
			if m.Name == value {
				return false
			}
		}
		return true
	})
}

// literal tells whether a text is how an address writes a value of a type: 'D7', 2026-11-01, true, null.
func (d *Description) literal(written string, of reference) bool {
	inner, quoted := unquote(written)
	e := d.enums[of.name]
	switch {
	case of.many || d.structures[of.name] != nil:
		return false // these come by another way than in the address
	case written == "null":
		return true
	case e != nil: // 'member', or with the name of the type before it
		prefix, value, _ := strings.Cut(inner, "'")
		if !quoted {
			namespace, name := d.split(prefix)
			inner, quoted = strings.TrimSuffix(value, "'"), namespace+"."+name == e.Name
		}
		return quoted && e.has(inner)
	}
	p, known := primitives[of.name]
	return quoted == !known && (quoted || p.valid(inner))
}

// unquote returns what stands between quotes.
func unquote(s string) (inner string, quoted bool) {
	if len(s) < 2 || s[0] != '\'' || s[len(s)-1] != '\'' {
		return s, false
	}
	return strings.ReplaceAll(s[1:len(s)-1], "''", "'"), true
}
