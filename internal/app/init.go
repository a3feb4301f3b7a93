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
// name, address and secret are examples and words, file is where the secret goes, platform is YAML.
type draft struct {
	Name, Address string // no address: the type has none
	Others        bool   // there are other platforms, where the same people may be
	parts         *template.Template
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
	return d, nil
}

func parseTemplate(file string) (*template.Template, error) {
	text, err := templates.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read template: %w", err)
	}
	t, err := template.New(file).Funcs(template.FuncMap{"yaml": scalar, "indent": indent}).Parse(string(text))
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

// indent writes a mapping n columns to the right.
func indent(n int, mapping *yaml.Node) (string, error) {
	text, err := yaml.Marshal(mapping)
	margin := strings.Repeat(" ", n)
	return margin + strings.ReplaceAll(strings.TrimSpace(string(text)), "\n", "\n"+margin), err
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

// Init writes a config file to begin with, which has a platform of each of the given types, and what they deliver of the
// KPIs of these objectives. Without types it asks for both; without objectives it takes all. A file that is there already
// is left alone.
func (c Console) Init(file string, kinds, objectives []string) error {
	if _, err := os.Lstat(file); err == nil {
		return errThere(file)
	}
	goals, err := starterSet(objectives)
	if err != nil {
		return err
	}
	asked := len(kinds) == 0
	if asked && !c.Interactive {
		return UsageError("name the types of your platforms, such as --platform=" + strings.Join(c.kinds(), " --platform="))
	}
	answers := bufio.NewScanner(c.In)
	var drafts []*draft
	if asked {
		drafts, err = c.askPlatforms(answers, file)
	} else {
		drafts, err = chosen(kinds, c.kinds())
	}
	if err != nil {
		return err
	}
	cfg, err := c.parse(file, drafts)
	if err != nil {
		return err
	}
	for _, g := range goals {
		g.place(cfg)
	}
	if asked && len(objectives) == 0 {
		if goals, err = c.askObjectives(answers, goals); err != nil {
			return err
		}
	}
	content, err := compose(file, drafts, goals)
	if err != nil {
		return err
	}
	if err := create(file, content); err != nil {
		return err
	}
	kpis := 0
	for _, g := range goals {
		kpis += len(g.KPIs)
	}
	c.print("%s is written: platforms %d, KPIs %d.\n\n", file, len(drafts), kpis)
	if err := c.leftOut(goals, cfg); err != nil {
		return err
	}
	c.print("What to do next:\n\n")
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

// kinds lists the types of platform.
func (c Console) kinds() []string { return slices.Sorted(maps.Keys(c.Types)) }

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

// ask asks one question.
func (c Console) ask(answers *bufio.Scanner, format string, args ...any) (string, error) {
	_, _ = fmt.Fprintf(c.Err, format, args...)
	if !answers.Scan() {
		return "", cmp.Or(answers.Err(), errors.New("the answers ended too early; nothing is written"))
	}
	return strings.TrimSpace(answers.Text()), nil
}

// askPlatforms asks for the platforms. Answers that would not load are asked for again.
func (c Console) askPlatforms(answers *bufio.Scanner, file string) ([]*draft, error) {
	known := c.kinds()
	_, _ = fmt.Fprintf(c.Err, "Types of platform: %s.\n", strings.Join(known, ", "))
	var drafts []*draft
	for {
		more := ""
		if len(drafts) > 0 {
			more = " (Enter when that is all)"
		}
		kind, err := c.ask(answers, "Type of platform %d%s: ", len(drafts)+1, more)
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
			said, err := c.ask(answers, "  %s [%s]: ", answer.question, *answer.into)
			if err != nil {
				return nil, err
			}
			*answer.into = cmp.Or(said, *answer.into)
		}
		_, err = c.parse(file, append(slices.Clone(drafts), d))
		var problems config.Problems
		switch {
		case errors.As(err, &problems):
			key := problems[0].Key
			_, _ = fmt.Fprintf(c.Err, "  That can't be used: %s: %s\n", key[strings.LastIndex(key, ".")+1:], clean(problems[0].Text))
		case err != nil:
			return nil, err
		default:
			drafts = append(drafts, d)
		}
	}
}

// askObjectives asks which objectives to begin with.
func (c Console) askObjectives(answers *bufio.Scanner, goals []*goal) ([]*goal, error) {
	_, _ = fmt.Fprintf(c.Err, "What the intranet is for:\n")
	for _, g := range goals {
		_, _ = fmt.Fprintf(c.Err, "  %-17s  %s (KPIs that are delivered: %d of %d)\n", g.Name, g.Title, len(g.KPIs), len(g.KPIs)+len(g.LeftOut))
	}
	for {
		said, err := c.ask(answers, "Objectives, such as %s %s (Enter for all): ", goals[0].Name, goals[len(goals)-1].Name)
		if err != nil {
			return nil, err
		}
		names := strings.FieldsFunc(said, func(r rune) bool { return r == ' ' || r == ',' })
		_, err = starterSet(names)
		var unknown UsageError
		switch {
		case errors.As(err, &unknown):
			_, _ = fmt.Fprintf(c.Err, "  That can't be used: %s\n", clean(err.Error()))
		case err != nil:
			return nil, err
		default:
			return slices.DeleteFunc(goals, func(g *goal) bool { return len(names) > 0 && !slices.Contains(names, g.Name) }), nil
		}
	}
}

// parse reads the file as it would be without objectives.
func (c Console) parse(file string, drafts []*draft) (*config.Config, error) {
	content, err := compose(file, drafts, nil)
	if err != nil {
		return nil, err
	}
	return config.Parse(file, []byte(content), c.Types, options(func(string, string) {}))
}

// compose returns the file.
func compose(file string, drafts []*draft, goals []*goal) (string, error) {
	frame, err := parseTemplate("init.yml")
	if err != nil {
		return "", err
	}
	var platforms []string
	for _, d := range drafts {
		d.Others = len(drafts) > 1
		platforms = append(platforms, d.part("platform")+"\n")
	}
	today := time.Now()
	return execute(frame, map[string]any{
		"File":        clean(file),
		"Platforms":   strings.Join(platforms, "\n"),
		"Objectives":  slices.DeleteFunc(slices.Clone(goals), func(g *goal) bool { return len(g.KPIs) == 0 }),
		"NextQuarter": today.AddDate(0, 3, 0).Format(time.DateOnly),
		"NextYear":    today.AddDate(1, 0, 0).Format(time.DateOnly),
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
