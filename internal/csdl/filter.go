package csdl

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// A filter reads the expression of $filter, from left to right.
type filter struct {
	d         *Description
	of        reference            // what the expression is about
	variables map[string]reference // of any and all
	tokens    []string
}

// An operand is a value that is written, or what the names of properties lead to.
type operand struct {
	reference
	written string
}

var (
	token      = regexp.MustCompile(`^(?:'(?:[^']|'')*'|\d{4}-\d{2}-\d{2}T[0-9:.]+(?:Z|[+-]\d{2}:\d{2})|[\w.$@-]+(?:'(?:[^']|'')*')?|[(),/:])`)
	comparison = []string{"eq", "ne", "gt", "ge", "lt", "le"}
	truth      = operand{reference: reference{name: "Edm.Boolean"}}
)

// functions are those of filters that we know: what they take, and what they return.
var functions = map[string]struct {
	takes   []string
	returns string
}{
	"startswith": {[]string{"Edm.String", "Edm.String"}, "Edm.Boolean"},
	"endswith":   {[]string{"Edm.String", "Edm.String"}, "Edm.Boolean"},
	"contains":   {[]string{"Edm.String", "Edm.String"}, "Edm.Boolean"},
	"tolower":    {[]string{"Edm.String"}, "Edm.String"},
	"toupper":    {[]string{"Edm.String"}, "Edm.String"},
	"length":     {[]string{"Edm.String"}, "Edm.Int32"},
}

// filter tells what is wrong with an expression about the entities of a collection.
func (d *Description) filter(of reference, expression string) error {
	f := filter{d: d, of: of.one(), variables: map[string]reference{}}
	for rest := strings.TrimSpace(expression); rest != ""; rest = strings.TrimSpace(rest) {
		t := token.FindString(rest)
		if t == "" {
			return errors.New("can't be read")
		}
		f.tokens, rest = append(f.tokens, t), rest[len(t):]
	}
	if err := f.terms(); err != nil {
		return err
	}
	if len(f.tokens) > 0 {
		return fmt.Errorf("%q is not expected", f.tokens[0])
	}
	return nil
}

// next returns the next token, or "".
func (f *filter) next() string {
	if len(f.tokens) == 0 {
		return ""
	}
	t := f.tokens[0]
	f.tokens = f.tokens[1:]
	return t
}

// take takes one of some tokens, if it is next.
func (f *filter) take(tokens ...string) bool {
	if len(f.tokens) == 0 || !slices.Contains(tokens, f.tokens[0]) {
		return false
	}
	f.tokens = f.tokens[1:]
	return true
}

func (f *filter) expect(t string) error {
	if !f.take(t) {
		return fmt.Errorf("%q is missing", t)
	}
	return nil
}

// terms reads what and and or join. Which of the two binds closer makes no difference here.
func (f *filter) terms() error {
	for {
		if err := f.term(); err != nil {
			return err
		}
		if !f.take("or", "and") {
			return nil
		}
	}
}

// term reads what is true or false.
func (f *filter) term() error {
	if f.take("not") {
		return f.term()
	}
	if f.take("(") {
		if err := f.terms(); err != nil {
			return err
		}
		return f.expect(")")
	}
	left, err := f.operand()
	if err != nil {
		return err
	}
	switch {
	case f.take(comparison...):
		right, err := f.operand()
		if err != nil {
			return err
		}
		return f.compare(left, right)
	case f.take("in"):
		return f.list(func() error {
			right, err := f.operand()
			if err != nil {
				return err
			}
			return f.compare(left, right)
		})
	case left.written == "true", left.written == "false", left.reference == truth.reference:
		return nil
	case left.written != "":
		return errors.New("a value is compared with nothing")
	}
	return fmt.Errorf("what is of type %s is compared with nothing", left)
}

// list reads a list in brackets.
func (f *filter) list(item func() error) error {
	if err := f.expect("("); err != nil {
		return err
	}
	for {
		if err := item(); err != nil {
			return err
		}
		if !f.take(",") {
			return f.expect(")")
		}
	}
}

// compare tells whether two operands can be compared.
func (f *filter) compare(a, b operand) error {
	switch {
	case a.written != "" && b.written != "":
		return errors.New("compares two values")
	case a.written != "":
		a, b = b, a
		fallthrough
	case b.written != "":
		if !f.d.literal(b.written, a.reference) {
			return fmt.Errorf("what is of type %s is compared with another kind of value", a)
		}
	case a.reference != b.reference:
		return fmt.Errorf("what is of type %s is compared with %s", a, b)
	}
	return nil
}

// operand reads a value, a function or the names of properties.
func (f *filter) operand() (operand, error) {
	t := f.next()
	function, known := functions[t]
	switch {
	case slices.Contains([]string{"", "(", ")", ",", "/", ":"}, t):
		return operand{}, errors.New("a name or value is missing")
	case known && len(f.tokens) > 0 && f.tokens[0] == "(":
		return f.function(t, function.takes, function.returns)
	case t == "true", t == "false", t == "null", strings.ContainsAny(t[:1], "'-0123456789"), strings.HasSuffix(t, "'"), primitives["Edm.Guid"].valid(t):
		return operand{written: t}, nil
	}
	at, isVariable := f.variables[t]
	var err error
	if !isVariable {
		at, err = f.d.reach(f.of, []string{t})
	}
	for err == nil && f.take("/") {
		switch name := f.next(); {
		case at.many && name == "$count":
			return operand{reference: reference{name: "Edm.Int64"}}, nil
		case at.many && (name == "any" || name == "all"):
			return truth, f.lambda(at)
		default:
			at, err = f.d.reach(at, []string{name})
		}
	}
	return operand{reference: at}, err
}

func (f *filter) function(name string, takes []string, returns string) (operand, error) {
	err := f.list(func() error {
		if len(takes) == 0 {
			return fmt.Errorf("%s takes less", name)
		}
		want := operand{reference: reference{name: takes[0]}}
		takes = takes[1:]
		got, err := f.operand()
		if err != nil {
			return err
		}
		return f.compare(want, got)
	})
	if err == nil && len(takes) > 0 {
		err = fmt.Errorf("%s takes more", name)
	}
	return operand{reference: reference{name: returns}}, err
}

// lambda reads (x:…), in which x is one of a collection.
func (f *filter) lambda(of reference) error {
	if err := f.expect("("); err != nil {
		return err
	}
	if f.take(")") {
		return nil // any() of a collection: it is not empty
	}
	x := f.next()
	if err := f.expect(":"); err != nil {
		return err
	}
	outer, shadows := f.variables[x]
	f.variables[x] = of.one()
	if err := f.terms(); err != nil {
		return err
	}
	delete(f.variables, x)
	if shadows {
		f.variables[x] = outer
	}
	return f.expect(")")
}
