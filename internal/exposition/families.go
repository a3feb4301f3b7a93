package exposition

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"

	"github.com/intranet-exporter/intranet_exporter/internal/measure"
)

// A description is what a metric is, whatever its values.
type description struct {
	name   string
	kind   dto.MetricType
	labels []string
	help   string
}

const (
	gauge   = dto.MetricType_GAUGE
	counter = dto.MetricType_COUNTER
)

// descriptions is the one table of what Build makes, in the order of the documentation.
var descriptions = append(measures(), []description{
	{"intranet_measure_info", gauge, []string{"platform", "measure", "basis", "source"},
		"What a measure of a platform rests on; always 1."},

	{"intranet_collector_success", gauge, []string{"platform"},
		"Whether everything that was due in the last poll of the platform succeeded; 0 before the first."},
	{"intranet_collector_poll_duration_seconds", gauge, []string{"platform"},
		"How long the last poll of the platform took."},
	{"intranet_collector_last_success_timestamp_seconds", gauge, []string{"platform"},
		"When a poll of the platform last succeeded; 0 if never."},
	{"intranet_collector_requests_total", counter, []string{"platform", "code"},
		"Requests sent to the platform, by the status that it answered, ok, or error where no answer came."},
	{"intranet_collector_errors_total", counter, []string{"platform", "cause"},
		"Failures while polling the platform, by cause."},
	{"intranet_collector_permission_granted", gauge, []string{"platform", "permission"},
		"Whether the platform grants the exporter a permission that it asks for; absent until it was looked up."},
	{"intranet_collector_data_timestamp_seconds", gauge, []string{"platform", "basis"},
		"Until when the data of the platform are complete, for the oldest measure of each basis."},
	{"intranet_collector_covered_since_timestamp_seconds", gauge, []string{"platform", "kind"},
		"Since when the events of a kind are known without a gap."},
	{"intranet_collector_max_age_seconds", gauge, []string{"platform"},
		"How old data of the platform may become before its measures are dropped."},

	{"intranet_kpi_value", gauge, []string{"kpi"},
		"Value of the KPI in its unit, a ratio being 0 to 1; absent while it is not known or too old."},
	{"intranet_kpi_numerator", gauge, []string{"kpi"},
		"Upper part of a KPI that is a ratio of two measures."},
	{"intranet_kpi_denominator", gauge, []string{"kpi"},
		"Lower part of a KPI that is a ratio of two measures."},
	{"intranet_kpi_target", gauge, []string{"kpi"},
		"Value that the organisation wants the KPI to reach."},
	{"intranet_kpi_baseline", gauge, []string{"kpi"},
		"Value of the KPI where the organisation began."},
	{"intranet_kpi_threshold", gauge, []string{"kpi", "severity", "condition"},
		"Limit of the KPI in its unit, for a drop or rise what it amounts to today; a value exactly at the limit has not crossed it."},
	{"intranet_kpi_breached", gauge, []string{"kpi", "severity", "condition", "objective", "kpi_owner", "platform"},
		"Whether the KPI has been on the wrong side of its limit for as long as agreed; keeps its last verdict while the value is absent."},
	{"intranet_kpi_breach_start_timestamp_seconds", gauge, []string{"kpi", "severity", "condition"},
		"Since when the KPI is on the wrong side of its limit; absent while it is not."},
	{"intranet_kpi_data_timestamp_seconds", gauge, []string{"kpi"},
		"Until when the data behind the KPI are complete, for the oldest of its sources."},
	{"intranet_kpi_info", gauge, []string{"kpi", "objective", "title", "unit", "window", "direction", "kpi_owner", "platform", "status", "url"},
		"What the KPI is; always 1."},
	{"intranet_kpi_action_info", gauge, []string{"kpi", "severity", "action", "within"},
		"What was agreed to do when the KPI crosses its limit; always 1."},
	{"intranet_kpi_review_timestamp_seconds", gauge, []string{"kpi", "objective", "kpi_owner"},
		"When the KPI is to be reviewed."},
	{"intranet_objective_info", gauge, []string{"objective", "title", "description"},
		"What success means for the organisation; always 1."},
	{"intranet_note_timestamp_seconds", gauge, []string{"note"},
		"When something happened, or will, that may be why a line moved: the beginning of that day."},

	{"intranet_exporter_info", gauge, []string{"url"},
		"Where people reach the exporter's pages; always 1."},
}...)

// measures describes the vocabulary.
func measures() []description {
	var all []description
	for _, m := range measure.All {
		all = append(all, description{m.Metric, gauge, measureLabels(m), m.Help})
	}
	return all
}

func measureLabels(m measure.Measure) []string {
	var labels []string
	if m.Counting != measure.Across {
		labels = append(labels, "platform")
	}
	if m.Windowed {
		labels = append(labels, "window")
	}
	if m.Label != "" {
		labels = append(labels, m.Label)
	}
	return labels
}

// A builder collects metric families by name.
type builder map[string]*dto.MetricFamily

// add adds one series. The values of its labels come in the order of its description.
func (b builder) add(name string, value float64, labels ...string) {
	i := slices.IndexFunc(descriptions, func(d description) bool { return d.name == name })
	if i < 0 || len(labels) != len(descriptions[i].labels) {
		panic(fmt.Sprintf("exposition: %s is not described with %d labels", name, len(labels)))
	}
	d := descriptions[i]
	family := b[name]
	if family == nil {
		family = &dto.MetricFamily{Name: proto.String(d.name), Help: proto.String(d.help), Type: d.kind.Enum()}
		b[name] = family
	}
	m := &dto.Metric{}
	for i, label := range d.labels {
		// One byte that is no UTF-8 would make Prometheus refuse the whole scrape.
		m.Label = append(m.Label, &dto.LabelPair{Name: proto.String(label), Value: proto.String(strings.ToValidUTF8(labels[i], "\uFFFD"))})
	}
	slices.SortFunc(m.Label, func(a, b *dto.LabelPair) int { return cmp.Compare(a.GetName(), b.GetName()) })
	if d.kind == counter {
		m.Counter = &dto.Counter{Value: proto.Float64(value)}
	} else {
		m.Gauge = &dto.Gauge{Value: proto.Float64(value)}
	}
	family.Metric = append(family.Metric, m)
}

// sorted returns the families by name, and the series of each by the values of their labels.
func (b builder) sorted() []*dto.MetricFamily {
	families := make([]*dto.MetricFamily, 0, len(b))
	for _, family := range b {
		slices.SortFunc(family.Metric, func(a, b *dto.Metric) int {
			return slices.CompareFunc(a.Label, b.Label, func(a, b *dto.LabelPair) int { return cmp.Compare(a.GetValue(), b.GetValue()) })
		})
		families = append(families, family)
	}
	slices.SortFunc(families, func(a, b *dto.MetricFamily) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return families
}
