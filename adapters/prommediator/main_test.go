package prommediator_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/internal/entrypoint"
	"github.com/fsmediator/mediator/mediatortest"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEveryEntryPointHasAnExample(t *testing.T) {
	missing, err := entrypoint.WithoutExample(".")
	require.NoError(t, err)
	require.Empty(t, missing)
}

var errDeclined = errors.New("declined")

type (
	charge struct {
		mediator.Returns[int]
		Cents int
	}
	paid  struct{ Cents int }
	ticks struct {
		mediator.Yields[int]
		N int
	}
)

// handle fails if the cents are negative.
func handle(_ context.Context, c charge) (int, error) {
	if c.Cents < 0 {
		return 0, errDeclined
	}
	return c.Cents, nil
}

func tick(_ context.Context, q ticks) iter.Seq2[int, error] {
	return func(yield func(int, error) bool) {
		for i := range q.N {
			if !yield(i, nil) {
				return
			}
		}
	}
}

func send(t testing.TB, m *mediator.Mediator, cents ...int) {
	t.Helper()
	for _, n := range cents {
		_, err := mediator.Send(context.Background(), m, charge{Cents: n})
		require.Equal(t, n < 0, err != nil)
	}
}

func newMediator(t testing.TB, opts ...mediator.Option) *mediator.Mediator {
	return mediatortest.New(t, opts...)
}

// registered returns a registry that is strict about c.
func registered(t testing.TB, cs ...prometheus.Collector) *prometheus.Registry {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	for _, c := range cs {
		require.NoError(t, r.Register(c))
	}
	return r
}

// get scrapes g over HTTP, and returns the body and its format.
func get(t testing.TB, g prometheus.Gatherer, accept expfmt.Format) ([]byte, expfmt.Format) {
	t.Helper()
	server := httptest.NewServer(promhttp.HandlerFor(g, promhttp.HandlerOpts{EnableOpenMetrics: true, ErrorHandling: promhttp.HTTPErrorOnError}))
	defer server.Close()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, server.URL, nil)
	require.NoError(t, err)
	request.Header.Set("Accept", string(accept))
	response, err := server.Client().Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s", body)
	return body, expfmt.ResponseFormat(response.Header)
}

// scrape returns the metric families of g by name, as a Prometheus gets them.
func scrape(t testing.TB, g prometheus.Gatherer, accept expfmt.FormatType) map[string]*dto.MetricFamily {
	t.Helper()
	body, format := get(t, g, expfmt.NewFormat(accept))
	families := map[string]*dto.MetricFamily{}
	d := expfmt.NewDecoder(bytes.NewReader(body), format)
	for {
		var f dto.MetricFamily
		err := d.Decode(&f)
		if errors.Is(err, io.EOF) {
			return families
		}
		require.NoError(t, err)
		families[f.GetName()] = &f
	}
}

// one returns the only metric of a family with these labels and values.
func one(t testing.TB, f *dto.MetricFamily, labels model.LabelSet) *dto.Metric {
	t.Helper()
	var found []*dto.Metric
	for _, m := range f.GetMetric() {
		has := model.LabelSet{}
		for _, l := range m.GetLabel() {
			has[model.LabelName(l.GetName())] = model.LabelValue(l.GetValue())
		}
		matches := true
		for name, value := range labels {
			matches = matches && has[name] == value
		}
		if matches {
			found = append(found, m)
		}
	}
	require.Len(t, found, 1, "%v in %v", labels, f)
	return found[0]
}

// value is that of the only counter or gauge with these labels, which is a whole
// number.
func value(t testing.TB, f *dto.MetricFamily, labels model.LabelSet) int {
	t.Helper()
	m := one(t, f, labels)
	if m.GetCounter() != nil {
		return int(m.GetCounter().GetValue())
	}
	return int(m.GetGauge().GetValue())
}

// source reads what it holds.
type source []behaviors.Reading

func (s *source) Readings() iter.Seq[behaviors.Reading] {
	return func(yield func(behaviors.Reading) bool) {
		for _, r := range *s {
			if !yield(r) {
				return
			}
		}
	}
}
