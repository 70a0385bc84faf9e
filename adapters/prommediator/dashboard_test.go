package prommediator_test

import (
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fsmediator/mediator/adapters/prommediator/internal/dashboard"
	"github.com/fsmediator/mediator/behaviors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/stretchr/testify/require"
)

func TestDashboardIsCurrent(t *testing.T) {
	want, err := dashboard.JSON()
	require.NoError(t, err)
	got, err := os.ReadFile("dashboard.json")
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "go run ./cmd/dashboard > dashboard.json")
}

var (
	metricName = regexp.MustCompile(`fsmediator_\w+`)
	matcher    = regexp.MustCompile(`(\w+)(?:=~|!~|!=|=)"`)
	grouping   = regexp.MustCompile(`by \(([^)]*)\)`)
	template   = regexp.MustCompile(`\{\{(\w+)\}\}`)
)

// TestDashboardShowsEveryMetricAndNoOther holds the queries against what is
// scraped: metrics, their labels, and that none is forgotten.
func TestDashboardShowsEveryMetricAndNoOther(t *testing.T) {
	_, collector := everything(t)
	families := scrape(t, registered(t, collector), expfmt.TypeProtoDelim)
	names, labels := map[string]string{}, map[string]bool{"job": true, "instance": true, "le": true}
	for name, f := range families {
		names[name] = name
		if f.GetType() == dto.MetricType_HISTOGRAM {
			for _, suffix := range []string{"_bucket", "_count", "_sum"} {
				names[name+suffix] = name
			}
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = true
			}
		}
	}
	b, err := os.ReadFile("dashboard.json")
	require.NoError(t, err)
	var board struct {
		Panels []struct {
			Targets []struct{ Expr, LegendFormat string }
		}
		Templating struct{ List []struct{ Query string } }
	}
	require.NoError(t, json.Unmarshal(b, &board))
	shown := map[string]bool{}
	check := func(query string) {
		for _, name := range metricName.FindAllString(query, -1) {
			require.Contains(t, names, name, query)
			shown[names[name]] = true
		}
		for _, m := range matcher.FindAllStringSubmatch(query, -1) {
			require.Contains(t, labels, m[1], query)
		}
		require.Equal(t, strings.Count(query, "("), strings.Count(query, ")"), query)
		require.Equal(t, strings.Count(query, "{"), strings.Count(query, "}"), query)
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			require.NotEmpty(t, metricName.FindString(target.Expr))
			check(target.Expr)
			kept := map[string]bool{}
			for _, m := range grouping.FindAllStringSubmatch(target.Expr, -1) {
				for label := range strings.SplitSeq(m[1], ", ") {
					require.Contains(t, labels, label, target.Expr)
					kept[label] = true
				}
			}
			for _, m := range template.FindAllStringSubmatch(target.LegendFormat, -1) {
				require.Contains(t, kept, m[1], target.LegendFormat)
			}
		}
	}
	for _, v := range board.Templating.List {
		check(v.Query)
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(families)), slices.Collect(maps.Keys(shown)))
}

// The panel of failures leaves out what is none, as behaviors.LogLevel has it, and
// nothing else.
func TestDashboardTellsAnswersFromFailures(t *testing.T) {
	b, err := os.ReadFile("dashboard.json")
	require.NoError(t, err)
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(b, &board))
	var none []string
	for _, e := range behaviors.Endings() {
		if behaviors.LogLevel(e) == slog.LevelInfo {
			none = append(none, e.String())
		}
	}
	want := map[string]string{
		"Failures": `ending!~"` + strings.Join(none, "|") + `"`,
		"Declined": `ending="` + behaviors.Declined.String() + `"`,
	}
	for _, p := range board.Panels {
		for _, target := range p.Targets {
			if choice := want[p.Title]; choice != "" {
				require.Equal(t, 2, strings.Count(target.Expr, choice), "classic and native: %s", target.Expr)
			} else {
				require.NotContains(t, target.Expr, "ending", p.Title)
			}
		}
		delete(want, p.Title)
	}
	require.Empty(t, want)
}

// A Prometheus that scrapes native histograms does not keep the classic ones, unless
// it is told to; one that does not has the classic ones alone. Each panel of
// durations has something to show with either.
func TestDashboardShowsDurationsOfEitherHistogram(t *testing.T) {
	b, err := os.ReadFile("dashboard.json")
	require.NoError(t, err)
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(b, &board))
	classic := regexp.MustCompile(`fsmediator_call_duration_seconds_(?:bucket|count|sum)\{`)
	native := regexp.MustCompile(`fsmediator_call_duration_seconds\{`)
	var durations int
	for _, p := range board.Panels {
		var byClassic, byNative int
		for _, target := range p.Targets {
			// What follows unless is subtracted, and shows nothing.
			shown, _, _ := strings.Cut(target.Expr, " unless ")
			for one := range strings.SplitSeq(shown, " or ") {
				isClassic, isNative := classic.MatchString(one), native.MatchString(one)
				require.False(t, isClassic && isNative, "%s needs both: %s", p.Title, one)
				if isClassic {
					byClassic++
				}
				if isNative {
					byNative++
				}
			}
		}
		require.Equal(t, byClassic, byNative, p.Title)
		if byClassic > 0 {
			durations++
		}
	}
	require.Equal(t, 5, durations)
}
