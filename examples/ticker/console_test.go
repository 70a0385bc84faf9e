package main_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	ticker "github.com/fsmediator/mediator/examples/ticker"
	"github.com/fsmediator/mediator/health"
)

func someView() ticker.View {
	v := ticker.View{
		Source: "a file", Elapsed: 12.34, Quotes: 1234, Status: health.Unhealthy,
		Prices: []ticker.Price{
			{Symbol: "ACME", Price: 1.25, Change: 0.25, Day: "2025-01-01", History: []float64{1, 1.1, 1.25}},
			{Symbol: "BOLT", Price: 20, Change: -0.5, History: []float64{40, 20}},
		},
		Consumers: []ticker.ConsumerView{
			{Name: "fast", Strategy: "buffer", Connected: true, Status: health.Unhealthy},
			{Name: "mobile", Strategy: "latest"},
		},
	}
	v.Consumers[0].Delivered, v.Consumers[0].Queued = 1200, 34
	v.Consumers[1].Delivered, v.Consumers[1].Dropped, v.Consumers[1].SampledOut, v.Consumers[1].Abandoned = 1, 2, 3, 4
	return v
}

// screen is a terminal that knows no more than the sequences of the console.
func screen(t *testing.T, out string) []string {
	t.Helper()
	lines := []string{""}
	for out != "" {
		if after, ok := strings.CutPrefix(out, "\x1b["); ok {
			i := strings.IndexAny(after, "ABCDJKm")
			require.GreaterOrEqual(t, i, 0)
			switch after[i] {
			case 'A':
				n := 0
				for _, digit := range after[:i] {
					n = 10*n + int(digit-'0')
				}
				require.Less(t, n, len(lines), "up beyond the top")
				lines = lines[:len(lines)-n]
				require.True(t, strings.HasPrefix(after[i+1:], "\r\x1b[J"), "and what is below is erased")
				lines[len(lines)-1] = ""
			case 'm', 'J':
			default:
				t.Fatalf("sequence %q", after[:i+1])
			}
			out = after[i+1:]
			continue
		}
		c, size := utf8.DecodeRuneInString(out)
		switch c {
		case '\n':
			lines = append(lines, "")
		case '\r':
			lines[len(lines)-1] = ""
		default:
			lines[len(lines)-1] += string(c)
		}
		out = out[size:]
	}
	return lines
}

func TestTable(t *testing.T) {
	var out bytes.Buffer
	console := ticker.NewConsole(&out, &out, 100, 24)
	table := []string{
		"a file, 12s, 1,234 quotes: unhealthy",
		"",
		"         strategy    status          got  dropped  sampled abandon.   queued     lag",
		"fast     buffer      unhealthy     1,200        0        0        0       34      0s",
		"mobile   latest      away              1        2        3        4        0      0s",
		"",
		"ACME          1.2500  +25.00% ▁▃█ 2025-01-01",
		"BOLT           20.00  -50.00% █▁ ",
		"",
	}
	console.Show(someView())
	require.Equal(t, table, screen(t, out.String()))
	console.Print("a message")
	_, err := console.Write([]byte("a record\n"))
	require.NoError(t, err)
	console.Show(someView())
	require.Equal(t, append([]string{"ticker: a message", "a record"}, table...), screen(t, out.String()), "messages stand above the table")
	console.Clear()
	require.Equal(t, []string{"ticker: a message", "a record", ""}, screen(t, out.String()))
}

func TestTableFitsTheTerminal(t *testing.T) {
	v := someView()
	for range 50 {
		v.Prices = append(v.Prices, v.Prices[0])
	}
	for _, size := range [][2]int{{30, 12}, {80, 5}, {200, 40}, {1, 1}} {
		var out bytes.Buffer
		console := ticker.NewConsole(&out, &out, size[0], size[1])
		console.Show(v)
		console.Show(v)
		lines := screen(t, out.String())
		require.LessOrEqual(t, len(lines), size[1])
		for _, line := range lines {
			require.Less(t, len([]rune(line)), max(size[0], 2))
		}
	}
}

func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out, err bytes.Buffer
		console := ticker.NewConsole(&out, &err, 0, 0)
		for range 16 {
			console.Show(someView())
			time.Sleep(200 * time.Millisecond)
		}
		console.Print("a message")
		const line = "  12.3s unhealthy  1,234 quotes | fast 1,200 got, 34 queued | mobile (away) 1 got, 2 dropped, 3 sampled out, 4 abandoned\n"
		require.Equal(t, strings.Repeat(line, 4), out.String())
		require.Equal(t, "ticker: a message\n", err.String())
	})
}

func TestTexts(t *testing.T) {
	for p, want := range map[float64]string{1.0795: "1.0795", 163.4: "163.40", 0.004567891: "0.00456789", 2e13: "2e+13", 1e6: "1000000.00"} {
		require.Equal(t, want, ticker.PriceText(p))
	}
	require.Empty(t, ticker.Sparkline(nil))
	require.Equal(t, "▁▁", ticker.Sparkline([]float64{3, 3}))
	require.Equal(t, "▁▄█", ticker.Sparkline([]float64{1, 2, 3}))
	require.Len(t, []rune(ticker.Sparkline(make([]float64, 100))), 24)
}
