package app

import (
	"bufio"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/intranet-exporter/intranet_exporter/config"
)

//go:embed init.yml templates/*.yml
var templates embed.FS

// A draft is a platform of the file that Init writes. templates/ has one file for each type, with these parts:
// name, address and secret are examples and words, file is where the secret goes, platform and objective are YAML.
type draft struct {
	Name, Address         string // no address: the type has none
	NextQuarter, NextYear string // dates for the examples
	parts                 *template.Template
}

// newDraft returns a platform of a type with the address of an example, and a name that no other has.
func newDraft(kind string, others []*draft) (*draft, error) {
	parts, err := parseTemplate("templates/" + kind + ".yml")
	if err != nil {
		return nil, err
	}
	d := &draft{parts: parts}
	d.Name, d.Address = d.part("name"), d.part("address")
	for n := 2; slices.ContainsFunc(others, func(o *draft) bool { return o.Name == d.Name }); n++ {
		d.Name = d.part("name") + strconv.Itoa(n)
	}
	today := time.Now()
	d.NextQuarter, d.NextYear = today.AddDate(0, 3, 0).Format(time.DateOnly), today.AddDate(1, 0, 0).Format(time.DateOnly)
	return d, nil
}

func parseTemplate(file string) (*template.Template, error) {
	text, err := templates.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	t, err := template.New(file).Funcs(template.FuncMap{"yaml": scalar}).Parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("parse template: %w", err)
	}
	return t, nil
}

// scalar writes a text so that YAML reads the same.
func scalar(s string) (string, error) {
	text, err := yaml.Marshal(s)
	return strings.TrimSpace(string(text)), err
}

// part fills in one part of the template, "" where the type has none.
func (d *draft) part(name string) string {
	if t := d.parts.Lookup(name); t != nil {
		return execute(t, d)
	}
	return ""
}

func execute(t *template.Template, data any) string {
	var b strings.Builder
	if err := t.Execute(&b, data); err != nil {
		panic(err) // a mistake in the template
	}
	return strings.Trim(b.String(), "\n")
}

// Init writes a config file to begin with, which has a platform of each of the given types. Without types it asks
// for them. A file that is there already is left alone.
func (c Console) Init(file string, kinds []string) error {
	if _, err := os.Lstat(file); err == nil {
		return errThere(file)
	}
	known := slices.Sorted(maps.Keys(c.Types))
	var drafts []*draft
	var err error
	switch {
	case len(kinds) > 0:
		drafts, err = chosen(kinds, known)
	case c.Interactive:
		drafts, err = c.ask(file, known)
	default:
		err = UsageError("name the types of your platforms, such as --platform=" + strings.Join(known, " --platform="))
	}
	if err != nil {
		return err
	}
	content, err := compose(file, drafts)
	if err != nil {
		return err
	}
	if err := create(file, content); err != nil {
		return err
	}
	c.print("%s is written. What to do next:\n\n", file)
	c.print("1. Look through it, and put in what is yours.\n")
	c.print("2. Write each secret to its file: paste it, then Enter and Ctrl-D.\n")
	for _, d := range drafts {
		c.print("      (umask 077 && cat > %s)   # %s\n", filepath.Join(filepath.Dir(file), d.part("file")), d.part("secret"))
	}
	for i, command := range []string{"check          # what was agreed, and is it right?", "check --live   # one poll: what would it say?", "serve"} {
		c.print("%d. intranet_exporter --config.file=%s %s\n", i+3, file, command)
	}
	return nil
}

// chosen returns a platform of each type.
func chosen(kinds, known []string) ([]*draft, error) {
	var drafts []*draft
	for _, kind := range kinds {
		if !slices.Contains(known, kind) {
			return nil, UsageError(fmt.Sprintf("unknown platform type %q; there is %s", kind, strings.Join(known, ", ")))
		}
		d, err := newDraft(kind, drafts)
		if err != nil {
			return nil, err
		}
		drafts = append(drafts, d)
	}
	return drafts, nil
}

// ask asks for the platforms. Answers that would not load are asked for again.
func (c Console) ask(file string, known []string) ([]*draft, error) {
	answers := bufio.NewScanner(c.In)
	question := func(format string, args ...any) (string, error) {
		_, _ = fmt.Fprintf(c.Err, format, args...)
		if !answers.Scan() {
			return "", cmp.Or(answers.Err(), errors.New("the answers ended too early; nothing is written"))
		}
		return strings.TrimSpace(answers.Text()), nil
	}
	_, _ = fmt.Fprintf(c.Err, "Types of platform: %s.\n", strings.Join(known, ", "))
	var drafts []*draft
	for {
		more := ""
		if len(drafts) > 0 {
			more = " (Enter when that is all)"
		}
		kind, err := question("Type of platform %d%s: ", len(drafts)+1, more)
		switch {
		case err != nil:
			return nil, err
		case kind == "" && len(drafts) > 0:
			return drafts, nil
		case !slices.Contains(known, kind):
			_, _ = fmt.Fprintf(c.Err, "  Please write one of %s.\n", strings.Join(known, ", "))
			continue
		}
		d, err := newDraft(kind, drafts)
		if err != nil {
			return nil, err
		}
		for _, answer := range []struct {
			question string
			into     *string
		}{{"Name", &d.Name}, {"Address", &d.Address}} {
			if *answer.into == "" {
				continue // the type has none
			}
			said, err := question("  %s [%s]: ", answer.question, *answer.into)
			if err != nil {
				return nil, err
			}
			*answer.into = cmp.Or(said, *answer.into)
		}
		if err := c.try(file, append(slices.Clone(drafts), d)); err != nil {
			_, _ = fmt.Fprintf(c.Err, "  That can't be used: %s\n", clean(err.Error()))
			continue
		}
		drafts = append(drafts, d)
	}
}

// try tells what is wrong with the file as it would be.
func (c Console) try(file string, drafts []*draft) error {
	content, err := compose(file, drafts)
	if err != nil {
		return err
	}
	_, err = config.Parse(file, []byte(content), c.Types, options(func(string, string) {}))
	var problems config.Problems
	if !errors.As(err, &problems) {
		return err
	}
	first := problems[0]
	return fmt.Errorf("%s: %s", first.Key[strings.LastIndex(first.Key, ".")+1:], first.Text)
}

// compose returns the file.
func compose(file string, drafts []*draft) (string, error) {
	frame, err := parseTemplate("init.yml")
	if err != nil {
		return "", err
	}
	var platforms, objectives []string
	for _, d := range drafts {
		platforms = append(platforms, d.part("platform")+"\n")
		for line := range strings.Lines(d.part("objective")) {
			objectives = append(objectives, "# "+strings.TrimSuffix(line, "\n"))
		}
	}
	return execute(frame, map[string]string{
		"File":       clean(file),
		"Platforms":  strings.Join(platforms, "\n"),
		"Objectives": strings.Join(objectives, "\n"),
	}) + "\n", nil
}

// create writes a file that is not there yet, for this user's eyes alone: a config file may come to hold secrets.
func create(file, content string) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return errThere(file)
	}
	if err != nil {
		return fmt.Errorf("write config: %w", err)
	}
	_, err = f.WriteString(content)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write config: %w", err)
	}
	return nil
}

func errThere(file string) error {
	return fmt.Errorf("%s is there already, and is left as it is; name another file with --output, or move it away", file)
}
