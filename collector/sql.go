package collector

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/intranet-exporter/intranet_exporter/internal/cause"
	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// A sqlConfig holds the keys of type sql: queries which say what the tables of a portal mean.
type sqlConfig struct {
	Driver           string                  `yaml:"driver"`
	DSNFile          string                  `yaml:"dsn_file"`
	TimeZone         string                  `yaml:"time_zone"`
	Retention        model.Duration          `yaml:"retention"`
	StatementTimeout model.Duration          `yaml:"statement_timeout"`
	Overlap          model.Duration          `yaml:"overlap"`
	Accounts         string                  `yaml:"accounts"`
	Events           map[measure.Kind]string `yaml:"events"`
	Readings         []sqlReadingConfig      `yaml:"readings"`
}

type sqlReadingConfig struct {
	Measure string       `yaml:"measure"`
	Window  string       `yaml:"window"`
	Name    string       `yaml:"name"`  // of a custom measure
	Title   string       `yaml:"title"` // of a custom measure
	Unit    measure.Unit `yaml:"unit"`  // of a custom measure
	Query   string       `yaml:"query"`
	Full    bool         `yaml:"full"`
}

// A sqlCollector reads a database. Each method opens a connection of its own, so that a new password, or a
// right that was taken away, is noticed at once, and nothing stays open between polls.
type sqlCollector struct {
	driver      sqlDriver
	dsnFile     string
	zone        *time.Location // of times that have none; nil = not said
	timeout     time.Duration  // of one statement
	onRequest   func(code string)
	now         func() time.Time
	description Description
	queries     []sqlQuery // in the order of the description's permissions

	accounts       sqlQuery // no text = no listing
	accountColumns []sqlColumn
	events         []sqlEvents
	readings       []sqlReading
}

// A sqlQuery is one query, and what it is called in messages and as a permission: by its key.
type sqlQuery struct {
	name, text string
}

type sqlEvents struct {
	sqlQuery
	kind measure.Kind
}

type sqlReading struct {
	sqlQuery
	ref  measure.Ref
	unit measure.Unit
	full bool
}

func newSQL(decode func(any) error, o Options) (Collector, error) {
	cfg := sqlConfig{StatementTimeout: model.Duration(5 * time.Minute), Overlap: model.Duration(time.Hour)}
	if err := decode(&cfg); err != nil {
		return nil, err
	}
	c := &sqlCollector{
		driver:    sqlDrivers[cfg.Driver],
		dsnFile:   cfg.DSNFile,
		timeout:   time.Duration(cfg.StatementTimeout),
		onRequest: o.OnRequest,
		now:       o.Now,
		description: Description{
			Interval:   15 * time.Minute,
			Settle:     5 * time.Minute,
			Overlap:    time.Duration(cfg.Overlap),
			Step:       7 * 24 * time.Hour,
			Reread:     true, // only so is a page that was deleted later than the overlap no page created
			Definition: cfg.definition(),
		},
	}
	if !filepath.IsAbs(c.dsnFile) {
		c.dsnFile = filepath.Join(o.Dir, c.dsnFile)
	}
	if c.onRequest == nil {
		c.onRequest = func(string) {}
	}
	if c.now == nil {
		c.now = time.Now
	}
	err := cfg.check()
	if c.driver.name == "" {
		return nil, err // What is a query depends on the driver.
	}
	if err := errors.Join(err, c.addZone(cfg), c.addAccounts(cfg, o.Profile), c.addEvents(cfg), c.addReadings(cfg)); err != nil {
		return nil, err
	}
	c.description.Undelivered = undeliveredBySQL(c.description)
	return c, nil
}

func (cfg sqlConfig) check() error {
	var problems []error
	if _, ok := sqlDrivers[cfg.Driver]; !ok {
		problems = append(problems, keyErrorf("driver", "is not a driver (drivers: %s)", listed(slices.Sorted(maps.Keys(sqlDrivers)))))
	}
	if cfg.DSNFile == "" {
		problems = append(problems, keyErrorf("dsn_file", "is missing; write the name of the file that holds the connection string"))
	}
	if cfg.StatementTimeout == 0 {
		problems = append(problems, keyErrorf("statement_timeout", "must be longer than 0"))
	}
	if cfg.Accounts == "" && len(cfg.Events) == 0 && len(cfg.Readings) == 0 {
		problems = append(problems, keyErrorf("events", "there is no query; write at least one under accounts, events or readings"))
	}
	return errors.Join(problems...)
}

// definition is of what events mean and whose they are; another reading changes neither.
func (cfg sqlConfig) definition() string {
	parts := []string{cfg.Driver, cfg.DSNFile, cfg.TimeZone, cfg.Accounts}
	for _, kind := range slices.Sorted(maps.Keys(cfg.Events)) {
		parts = append(parts, string(kind), cfg.Events[kind])
	}
	return digest(parts...)
}

func (c *sqlCollector) addZone(cfg sqlConfig) (err error) {
	switch {
	case cfg.TimeZone == "":
		return nil
	case !c.driver.zoned:
		return keyErrorf("time_zone", "is not for driver %s; say in the query AT TIME ZONE", cfg.Driver)
	case cfg.TimeZone == "Local":
		err = errors.New("depends on the machine")
	default:
		c.zone, err = time.LoadLocation(cfg.TimeZone)
	}
	if err != nil {
		return keyErrorf("time_zone", "is not a time zone; write a name such as Europe/Amsterdam or UTC")
	}
	return nil
}

func (c *sqlCollector) addAccounts(cfg sqlConfig, wanted []string) error {
	columns := c.driver.selectList(cfg.Accounts)
	var fields []string
	for _, name := range columns {
		if field, ok := strings.CutPrefix(name, "profile."); ok {
			fields = append(fields, field)
		}
	}
	var problems []error
	for i, field := range wanted {
		if !slices.Contains(fields, field) {
			problems = append(problems, keyErrorf(fmt.Sprintf("profile.fields[%d]", i), "the query under accounts gives no such column (its fields: %s)", listed(fields)))
		}
	}
	if cfg.Accounts == "" {
		return errors.Join(problems...)
	}
	if err := errors.Join(append(problems, c.driver.checkQuery("accounts", cfg.Accounts, false))...); err != nil {
		return err
	}
	if wanted == nil {
		wanted = fields
	}
	c.accounts = sqlQuery{"accounts", cfg.Accounts}
	c.accountColumns = []sqlColumn{
		{name: "id", sort: sqlText, required: true},
		{name: "name", sort: sqlText, null: true},
		{name: "identity", sort: sqlText, null: true, required: slices.Contains(columns, "identity")},
		{name: "kind", sort: sqlText},
		{name: "enabled", sort: sqlBoolean},
	}
	// What the text of the query promises must come, and no more: the description rests on it.
	for _, name := range columns {
		switch {
		case name == "last_login" || name == "last_active":
			c.accountColumns = append(c.accountColumns, sqlColumn{name: name, sort: sqlMoment, required: true, null: true})
		case strings.HasPrefix(name, "profile."):
			c.accountColumns = append(c.accountColumns, sqlColumn{name: name, sort: sqlBoolean, required: true, null: true})
		}
	}
	c.description.Accounts = &AccountSource{
		Source:     "accounts",
		Nameless:   !slices.Contains(columns, "name") && !slices.Contains(columns, "*"),
		Identity:   slices.Contains(columns, "identity"),
		LastLogin:  slices.Contains(columns, "last_login"),
		LastActive: slices.Contains(columns, "last_active"),
		Profile:    wanted,
	}
	c.add(c.accounts, true, "everything")
	return nil
}

func (c *sqlCollector) addEvents(cfg sqlConfig) error {
	var problems []error
	for _, kind := range slices.Sorted(maps.Keys(cfg.Events)) {
		if !slices.Contains(measure.EventKinds, kind) {
			problems = append(problems, keyErrorf("events", "has an unknown kind of event (known kinds: %s)", listed(measure.EventKinds)))
		}
	}
	for _, kind := range measure.EventKinds {
		text, ok := cfg.Events[kind]
		if !ok {
			continue
		}
		q := sqlQuery{"events." + string(kind), text}
		problems = append(problems, c.driver.checkQuery(q.name, text, true))
		c.events = append(c.events, sqlEvents{sqlQuery: q, kind: kind})
		c.description.Events = append(c.description.Events, EventSource{Kind: kind, Source: q.name, Memory: time.Duration(cfg.Retention)})
		c.add(q, true, "everything")
	}
	return errors.Join(problems...)
}

func (c *sqlCollector) addReadings(cfg sqlConfig) error {
	counted := map[measure.Ref]string{}
	for _, m := range c.description.Measures() {
		counted[m.Ref] = m.Source
	}
	var problems []error
	for i, r := range cfg.Readings {
		key := fmt.Sprintf("readings[%d]", i)
		problems = append(problems, c.driver.checkQuery(key+".query", r.Query, false))
		ref, unit, err := r.measure(key)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		if source, ok := counted[ref]; ok {
			problems = append(problems, keyErrorf(key+".measure", "%s is told by %s already; remove one of the two", ref, source))
		}
		counted[ref] = key
		q := sqlQuery{strings.ReplaceAll("readings."+ref.String(), " over ", "."), r.Query}
		c.readings = append(c.readings, sqlReading{sqlQuery: q, ref: ref, unit: unit, full: r.Full})
		c.description.Readings = append(c.description.Readings, ReadingSource{Ref: ref, Source: q.name, Title: r.Title, Unit: unit, Definition: digest(r.Query)})
		c.add(q, false, ref.String())
	}
	return errors.Join(problems...)
}

var sqlColumnName = regexp.MustCompile(`^[\pL_][\pL\pN_.]*$`)

// measure says which number the reading is.
func (r sqlReadingConfig) measure(key string) (ref measure.Ref, unit measure.Unit, err error) {
	m, known := measure.Lookup(r.Measure)
	custom, named := r.Measure == measure.Custom, m.Named()
	switch {
	case !known:
		return ref, "", keyErrorf(key+".measure", "unknown measure (known measures: %s)", measure.Names())
	case m.Counting == measure.Across:
		return ref, "", keyErrorf(key+".measure", "%s is counted over all platforms together, by the exporter", m.Name)
	case m.Label != "" && !named:
		return ref, "", keyErrorf(key+".measure", "%s has one number per %s, and a reading is one number", m.Name, m.Label)
	case named && !readingName.MatchString(r.Name):
		return ref, "", keyErrorf(key+".name", "%s needs a name of small letters, digits and _, with which a KPI writes %s", m.Name, m.Written())
	case custom && (r.Title == "" || r.Unit == ""):
		return ref, "", keyErrorf(key, "a custom measure needs a title and a unit")
	case !named && r.Name != "":
		return ref, "", keyErrorf(key+".name", "%s is one number and has no name", m.Name)
	case !custom && (r.Title != "" || r.Unit != ""):
		return ref, "", keyErrorf(key, "title and unit are for measure: custom; %s has its own", m.Name)
	case custom && r.Window != "":
		return ref, "", keyErrorf(key+".window", "a custom measure has no window; say it in the name, such as calls_7d")
	case !m.Windowed && r.Window != "":
		return ref, "", keyErrorf(key+".window", "%s is of one moment; leave window out", m.Name)
	case m.Windowed && r.Window == "":
		return ref, "", keyErrorf(key+".window", "is missing; write over how many days the query counts, such as 7d")
	}
	ref, unit = measure.Ref{Measure: m.Name, Label: r.Name}, m.Unit
	if custom {
		return ref, r.Unit, nil
	}
	if m.Windowed {
		if ref.Window, err = measure.ParseWindow(r.Window); err != nil {
			return ref, "", &KeyError{Key: key + ".window", Err: err}
		}
	}
	return ref, unit, nil
}

// add makes the right to run q one of the permissions.
func (c *sqlCollector) add(q sqlQuery, required bool, lost string) {
	c.queries = append(c.queries, q)
	c.description.Permissions = append(c.description.Permissions, Permission{Name: q.name, Required: required, Lost: lost, Sources: []string{q.name}})
}

// undeliveredBySQL names the query that would deliver each measure which d lacks.
func undeliveredBySQL(d Description) map[string]string {
	undelivered := map[string]string{}
	for _, m := range measure.All {
		switch {
		case m.Name == measure.Custom, m.Counting == measure.Across:
			continue
		case m.Counting == measure.FromReadings:
			undelivered[m.Name] = "There is no query for it under readings."
		case m.Counting != measure.FromAccounts:
			kinds := m.Kinds
			if m.Name == "active_users" {
				kinds = []measure.Kind{measure.PageView}
			}
			undelivered[m.Name] = "There is no query under events." + strings.ReplaceAll(listed(kinds), ", ", " or events.") + "."
		case d.Accounts == nil:
			undelivered[m.Name] = "There is no query under accounts."
		case m.Name == "activated_accounts":
			undelivered[m.Name] = "The query under accounts gives no column last_login."
		default:
			undelivered[m.Name] = `The query under accounts gives no column "profile.<field>".`
		}
	}
	for _, m := range d.Measures() {
		delete(undelivered, m.Measure)
	}
	return undelivered
}

// Describe says what the queries deliver.
func (c *sqlCollector) Describe() Description { return c.description }

// Probe has each query planned but not run: that is when the database checks the rights.
func (c *sqlCollector) Probe(ctx context.Context) (Access, error) {
	access := Access{Granted: map[string]bool{}}
	db, err := c.connect(ctx)
	if err != nil {
		return access, err
	}
	defer func() { _ = db.Close() }()
	var missing []error
	for i, p := range c.description.Permissions {
		err := c.plan(ctx, db, c.queries[i])
		denied := cause.Of(err) == cause.Permission
		access.Granted[p.Name] = !denied
		switch {
		case err == nil:
		case denied && p.Required:
			missing = append(missing, err)
		case !p.Required && (denied || cause.Of(err) == cause.BadResponse):
			// A reading that can't work fails alone, when it is read.
		default:
			return access, err
		}
	}
	return access, errors.Join(missing...)
}

func (c *sqlCollector) plan(ctx context.Context, db *sql.DB, q sqlQuery) error {
	var bounds []any
	if strings.HasPrefix(q.name, "events.") {
		bounds = c.bounds(c.now(), c.now())
	}
	q.text = c.driver.plan + q.text
	return c.transaction(ctx, db, q, func(tx *sql.Tx) error {
		return c.run(ctx, q, bounds, func(ctx context.Context, text string, args []any) error {
			if c.driver.plan != "" {
				_, err := tx.ExecContext(ctx, text, args...)
				return err
			}
			statement, err := tx.PrepareContext(ctx, text)
			if err == nil {
				defer func() { _ = statement.Close() }()
			}
			return err
		})
	})
}

// Accounts emits what the query under accounts returns.
func (c *sqlCollector) Accounts(ctx context.Context, emit func(Account)) error {
	db, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	seen := newHashed()
	return c.transaction(ctx, db, c.accounts, func(tx *sql.Tx) error {
		return c.rows(ctx, tx, c.accounts, c.accountColumns, nil, func(row sqlRow) error {
			a, err := c.account(row)
			if err != nil {
				return err
			}
			if !seen.add(a.ID) {
				return errors.New("an id comes twice, and an account is one row; look for a join that multiplies rows")
			}
			emit(a)
			return nil
		})
	})
}

func (c *sqlCollector) account(row sqlRow) (Account, error) {
	a := Account{
		ID:         row.text("id"),
		Name:       row.text("name"),
		Identity:   row.text("identity"),
		Kind:       Person,
		Enabled:    row["enabled"] != false,
		LastLogin:  row.moment("last_login"),
		LastActive: row.moment("last_active"),
	}
	if a.ID == "" {
		return a, errors.New("column id is empty in a row")
	}
	switch row["kind"] {
	case nil, "person", "employee":
	case "service":
		a.Kind = Service
	case "guest":
		a.Kind = Guest
	default:
		return a, errors.New("column kind must be person, employee, guest or service; say with CASE which of them each of yours is")
	}
	for _, field := range c.description.Accounts.Profile {
		a.Filled = append(a.Filled, row["profile."+field] == true)
	}
	return a, nil
}

var sqlEventColumns = []sqlColumn{
	{name: "at", sort: sqlMoment, required: true},
	{name: "account", sort: sqlText, required: true, null: true},
}

// Events emits what the queries under events return, all of them from one snapshot of the database.
func (c *sqlCollector) Events(ctx context.Context, from, to time.Time, emit func(Event)) error {
	db, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	return c.transaction(ctx, db, sqlQuery{name: "events"}, func(tx *sql.Tx) error {
		for _, q := range c.events {
			if err := c.eventsOf(ctx, tx, q, from, to, emit); err != nil {
				return err
			}
		}
		return nil
	})
}

// bounds are $1 and $2.
func (c *sqlCollector) bounds(from, to time.Time) []any {
	return []any{c.driver.bound(from, c.zone), c.driver.bound(to, c.zone)}
}

func (c *sqlCollector) eventsOf(ctx context.Context, tx *sql.Tx, q sqlEvents, from, to time.Time, emit func(Event)) error {
	found := false
	err := c.rows(ctx, tx, q.sqlQuery, sqlEventColumns, c.bounds(from, to), func(row sqlRow) error {
		found = true
		e := Event{Kind: q.kind, At: row.moment("at"), Actor: row.text("account")}
		if e.At.Before(from) || !e.At.Before(to) {
			return errors.New("returned a time outside the bounds that it was given; it must say at >= $1 AND at < $2")
		}
		emit(e)
		return nil
	})
	if err != nil || found || c.driver.unixTime == "" {
		return err
	}
	// Nothing happened, or the column is a number: compared with the text of a time, it finds nothing either.
	// Numbers as bounds find Unix seconds and milliseconds since 1971, and no time that is written otherwise.
	return c.rows(ctx, tx, q.sqlQuery, sqlEventColumns, []any{31_536_000, 10_000_000_000_000}, func(sqlRow) error {
		return fmt.Errorf("compares a number with the text of a time, and so finds nothing; "+
			"for Unix seconds write at >= %s($1) AND at < %[1]s($2)", c.driver.unixTime)
	})
}

var sqlReadingColumns = []sqlColumn{
	{name: "value", sort: sqlNumber, required: true},
	{name: "as_of", sort: sqlMoment},
}

// Readings emits the one row of each query under readings.
func (c *sqlCollector) Readings(ctx context.Context, full bool, emit func(Reading)) error {
	db, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	var failed []error
	for _, q := range c.readings {
		if q.full && !full {
			continue
		}
		found, err := c.reading(ctx, db, q)
		if err != nil {
			failed = append(failed, err)
			if ctx.Err() != nil || cause.Of(err) == cause.Unavailable {
				break // The others would fail in the same way.
			}
			continue
		}
		for _, r := range found {
			emit(r)
		}
	}
	return errors.Join(failed...)
}

// reading returns the number that q counts, or none if there is no row: absent is absent.
func (c *sqlCollector) reading(ctx context.Context, db *sql.DB, q sqlReading) (found []Reading, err error) {
	now := c.now()
	err = c.transaction(ctx, db, q.sqlQuery, func(tx *sql.Tx) error {
		return c.rows(ctx, tx, q.sqlQuery, sqlReadingColumns, nil, func(row sqlRow) error {
			r := Reading{Ref: q.ref, Value: row["value"].(float64), AsOf: now}
			if at := row.moment("as_of"); !at.IsZero() && at.Before(now) {
				r.AsOf = at
			}
			switch found = append(found, r); {
			case len(found) > 1:
				return errors.New("returned more than one row; a reading is one number")
			case r.Value < 0 && q.ref.Measure != measure.Custom:
				return errors.New("column value is below 0; a number that is not known is no row, not -1")
			case q.unit == measure.Ratio && (r.Value < 0 || r.Value > 1):
				return errors.New("column value is a ratio, so it must be between 0 and 1")
			}
			return nil
		})
	})
	return found, err
}

func (c *sqlCollector) connect(ctx context.Context) (*sql.DB, error) {
	dsn, err := os.ReadFile(c.dsnFile)
	if err != nil {
		return nil, cause.Errorf(cause.Other, "dsn_file: %w", err)
	}
	db, err := c.driver.open(strings.TrimSpace(string(dsn)), c.zone)
	if err != nil || len(bytes.TrimSpace(dsn)) == 0 {
		return nil, cause.Errorf(cause.Other, "dsn_file: %s does not hold %s", c.dsnFile, c.driver.dsn)
	}
	limited, cancel := c.limit(ctx)
	defer cancel()
	if err := db.PingContext(limited); err != nil {
		_ = db.Close()
		return nil, c.failed(ctx, sqlQuery{name: "connect to " + c.driver.name}, err)
	}
	return db, nil
}

// transaction runs do in one that can't write and sees one state of the database throughout.
func (c *sqlCollector) transaction(ctx context.Context, db *sql.DB, q sqlQuery, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return c.failed(ctx, q, err)
	}
	defer func() { _ = tx.Rollback() }() // Nothing was written.
	if _, err := tx.ExecContext(ctx, c.driver.settings(c.timeout, c.zone)); err != nil {
		return c.failed(ctx, q, err)
	}
	return do(tx)
}

// A sqlSort is what a column holds, whatever its type in the database.
type sqlSort string

const (
	sqlText    sqlSort = "text"
	sqlBoolean sqlSort = "boolean"
	sqlMoment  sqlSort = "moment"
	sqlNumber  sqlSort = "number"
)

// A sqlColumn is one that a query may give.
type sqlColumn struct {
	name     string
	sort     sqlSort
	required bool
	null     bool // NULL is fine
}

// A sqlRow has the values by column: string, bool, time.Time or float64 by sort. NULL and columns that the
// query does not give are left out.
type sqlRow map[string]any

func (r sqlRow) text(name string) string {
	s, _ := r[name].(string)
	return s
}

func (r sqlRow) moment(name string) time.Time {
	t, _ := r[name].(time.Time)
	return t
}

// rows runs q and calls each with every row as it arrives; the row is used again for the next one.
func (c *sqlCollector) rows(ctx context.Context, tx *sql.Tx, q sqlQuery, columns []sqlColumn, bounds []any, each func(sqlRow) error) error {
	return c.run(ctx, q, bounds, func(ctx context.Context, text string, args []any) error {
		rows, err := tx.QueryContext(ctx, text, args...)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		types, err := rows.ColumnTypes()
		if err != nil {
			return err
		}
		given, err := c.match(types, columns)
		if err != nil {
			return q.mistake(err)
		}
		row, raw, into := sqlRow{}, make([]any, len(given)), make([]any, len(given))
		for i := range raw {
			into[i] = &raw[i]
		}
		for rows.Next() {
			if err := rows.Scan(into...); err != nil {
				return err
			}
			clear(row)
			for i, column := range given {
				value, err := c.value(column, types[i].DatabaseTypeName(), raw[i])
				if err != nil {
					return q.mistake(err)
				}
				if value != nil {
					row[column.name] = value
				}
			}
			if err := each(row); err != nil {
				return q.mistake(err)
			}
		}
		return rows.Err()
	})
}

// run binds q for do, keeps its time limit where the database does not, and explains what the database says.
func (c *sqlCollector) run(ctx context.Context, q sqlQuery, bounds []any, do func(ctx context.Context, text string, args []any) error) error {
	limited, cancel := c.limit(ctx)
	defer cancel()
	text, args := c.driver.bind(q.text, bounds)
	err := do(limited, text, args)
	var mistake *cause.Error
	switch {
	case err == nil:
		c.onRequest("ok")
		return nil
	case !errors.As(err, &mistake):
		if limited.Err() != nil {
			err = limited.Err() // whatever broke then, that is why
		}
		err = c.failed(ctx, q, err)
	}
	c.onRequest("error")
	return err
}

// limit bounds the time of one statement where the database does not, or has had twice the time to do so.
func (c *sqlCollector) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.driver.untimed {
		return context.WithTimeout(ctx, c.timeout)
	}
	return context.WithTimeout(ctx, 2*c.timeout)
}

// failed explains an error of the database in words of our own, as the driver's may hold the connection
// string, and values of rows. When our own time is up, that is the reason.
func (c *sqlCollector) failed(ctx context.Context, q sqlQuery, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", q.name, ctx.Err())
	}
	why, text := c.driver.explain(q.text, err)
	return cause.Errorf(why, "%s: %s", q.name, text)
}

// mistake blames the query: the database answered it, with something that it may not return.
func (q sqlQuery) mistake(err error) error {
	return cause.Errorf(cause.BadResponse, "%s: %w", q.name, err)
}

// match finds for each column of the result which one it is.
func (c *sqlCollector) match(types []*sql.ColumnType, columns []sqlColumn) ([]sqlColumn, error) {
	var given []sqlColumn
	var names []string
	for _, t := range types {
		name := t.Name()
		i := slices.IndexFunc(columns, func(c sqlColumn) bool { return c.name == name })
		switch {
		case i < 0 && (name == "last_login" || name == "last_active" || strings.HasPrefix(name, "profile.")):
			return nil, fmt.Errorf("column %s comes, but the list after SELECT does not say so; write it there as AS %[1]q", name)
		case i < 0 && !sqlColumnName.MatchString(name): // ?column?, or the expression itself, and whom it names
			return nil, fmt.Errorf("a column has no name; write AS and one of: %s", sqlColumnNames(columns))
		case i < 0:
			return nil, fmt.Errorf("unknown column %q; the columns are: %s", name, sqlColumnNames(columns))
		case slices.Contains(names, name):
			return nil, fmt.Errorf("column %s comes twice", name)
		}
		if err := c.driver.check(columns[i], t.DatabaseTypeName()); err != nil {
			return nil, err
		}
		given, names = append(given, columns[i]), append(names, name)
	}
	for _, c := range columns {
		if c.required && !slices.Contains(names, c.name) {
			return nil, fmt.Errorf("column %s is missing; the columns that come are: %s", c.name, listed(names))
		}
	}
	return given, nil
}

// value returns what came in a column as the column's sort has it, nil for NULL.
func (c *sqlCollector) value(column sqlColumn, typ string, value any) (any, error) {
	if value == nil {
		switch {
		case column.null:
			return nil, nil
		case column.sort == sqlNumber:
			return nil, fmt.Errorf("column %s is NULL; where that means 0 say COALESCE(…, 0), where nothing is known return no row", column.name)
		}
		return nil, fmt.Errorf("column %s is NULL in a row, where it may not be", column.name)
	}
	value, err := c.driver.convert(column, typ, value, c.zone)
	if err != nil {
		return nil, err
	}
	switch column.sort {
	case sqlMoment:
		if t, ok := value.(time.Time); !ok || t.Year() <= 1970 || t.Year() >= 9999 {
			return nil, fmt.Errorf("column %s is infinite, or outside the years 1971 to 9998, in a row; a time that is not known is NULL", column.name)
		}
	case sqlNumber:
		n, err := strconv.ParseFloat(fmt.Sprint(value), 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return nil, fmt.Errorf("column %s is not a finite number", column.name)
		}
		return n, nil
	}
	return value, nil
}

func sqlColumnNames(columns []sqlColumn) string {
	var names []string
	for _, c := range columns {
		names = append(names, c.name)
	}
	return listed(names)
}
