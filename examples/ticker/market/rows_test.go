package market_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator/examples/ticker/market"
)

// all reads a file to its end.
func all(t *testing.T, in io.Reader) (quotes []market.Quote, errs []error) {
	t.Helper()
	rows, err := market.Rows(in)
	require.NoError(t, err)
	for q, err := range rows {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		quotes = append(quotes, q)
	}
	return quotes, errs
}

func TestSample(t *testing.T) {
	quotes, errs := all(t, market.Sample())
	require.Empty(t, errs)
	require.Len(t, quotes, 1524)
	require.Equal(t, market.Quote{Symbol: "EURUSD", Price: 1.0795, Day: "2024-05-13"}, quotes[0])
	symbols := map[string]int{}
	for _, q := range quotes {
		symbols[q.Symbol]++
	}
	require.Equal(t, map[string]int{"EURUSD": 254, "EURGBP": 254, "EURJPY": 254, "EURCHF": 254, "EURSEK": 254, "EURAUD": 254}, symbols)
}

func TestColumnsInAnyOrder(t *testing.T) {
	quotes, errs := all(t, strings.NewReader("volume, Rate ,CURRENCY\n7,1.5,\"EUR\"\n,2,USD\n"))
	require.Empty(t, errs)
	require.Equal(t, []market.Quote{{Symbol: "EUR", Price: 1.5}, {Symbol: "USD", Price: 2}}, quotes)
}

func TestMalformedRows(t *testing.T) {
	for row, want := range map[string]string{
		"2025-01-01,ACME":                               "2 fields, the header has 3",
		"2025-01-01,ACME,1,2":                           "4 fields, the header has 3",
		"2025-01-01,,1":                                 "there is no symbol",
		"2025-01-01,ABCDEFGHIJKLMNOPQ,1":                `symbol "ABCDEFGHIJKLMNOPQ" is longer than 16 characters`,
		"2025-01-01,A\x1b[2J,1":                         `symbol "A\x1b[2J" has characters that cannot be shown`,
		"2025-01-01,A B,1":                              `symbol "A B" has characters that cannot be shown`,
		"2025-01-01,A\xff,1":                            `symbol "A\xff" has characters that cannot be shown`,
		"2025-01-01,ACME,":                              `price "" is not a number`,
		"2025-01-01,ACME,cheap":                         `price "cheap" is not a number`,
		"2025-01-01,ACME,1e999":                         `price "1e999" is not a number`,
		"2025-01-01,ACME,Inf":                           "price +Inf is not above 0",
		"2025-01-01,ACME,NaN":                           "price NaN is not above 0",
		"2025-01-01,ACME,0":                             "price 0 is not above 0",
		"2025-01-01,ACME,-3":                            "price -3 is not above 0",
		strings.Repeat("9", 41) + ",ACME,1":             `date "9999999999999999999999999999999999999999" is not one`,
		`2025-01-01,"ACME,1`:                            `not a row of CSV: extraneous or missing " in quoted-field`,
		"2025-01-01,ACME," + strings.Repeat("1", 1<<17): "longer than 65536 bytes",
	} {
		quotes, errs := all(t, strings.NewReader("date,symbol,price\n"+row+"\n2025-01-02,BOLT,2\n"))
		require.Equal(t, []market.Quote{{Symbol: "BOLT", Price: 2, Day: "2025-01-02"}}, quotes, "%.60s", row)
		require.Len(t, errs, 1)
		var wrong *market.RowError
		require.ErrorAs(t, errs[0], &wrong)
		require.Equal(t, 2, wrong.Line)
		require.EqualError(t, wrong, "line 2: "+want)
		require.EqualError(t, errors.Unwrap(wrong), want)
	}
}

func TestTooManySymbols(t *testing.T) {
	var in strings.Builder
	in.WriteString("symbol,price\n")
	for i := range market.MaxSymbols + 2 {
		fmt.Fprintf(&in, "S%d,1\n", i)
	}
	in.WriteString("S0,2\n")
	quotes, errs := all(t, strings.NewReader(in.String()))
	require.Len(t, quotes, market.MaxSymbols+1)
	require.Len(t, errs, 2)
	require.ErrorContains(t, errs[0], "symbol S100 is one too many, a market has 100")
}

func TestFilesThatAreNone(t *testing.T) {
	for in, want := range map[string]string{
		"":                         "it is empty",
		"\n":                       "line 1: not the header",
		"date,price\n":             "line 1: not the header",
		"Dear diary,":              "line 1: not the header",
		`date,"symbol,price`:       "line 1: not a row of CSV",
		strings.Repeat("x", 1<<17): "line 1: longer than",
	} {
		_, err := market.Rows(strings.NewReader(in))
		require.ErrorContains(t, err, want, "%.20s", in)
	}
	cut := errors.New("cable cut")
	_, err := market.Rows(iotest.ErrReader(cut))
	require.ErrorIs(t, err, cut)
}

func TestReaderThatFails(t *testing.T) {
	cut := errors.New("cable cut")
	quotes, errs := all(t, io.MultiReader(strings.NewReader("symbol,price\nACME,1\nBOLT,2"), iotest.ErrReader(cut)))
	require.Len(t, quotes, 2)
	require.Len(t, errs, 1)
	require.ErrorIs(t, errs[0], cut)
	require.EqualError(t, errs[0], "line 3: cable cut")
	var row *market.RowError
	require.NotErrorAs(t, errs[0], &row)
}

func FuzzRows(f *testing.F) {
	for _, seed := range []string{
		"symbol,price\nACME,1\n", "date,symbol,price\r\n2025-01-01,\"A\"\"B\",1e3\r\n\r\n,,\n", "\ufeffTicker,Close\nA,1\nB", "a\n\"", "symbol,price\n\"A,1\nB,2\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		rows, err := market.Rows(strings.NewReader(in))
		if err != nil {
			return
		}
		n, line := 0, 1
		for q, err := range rows {
			n++
			if err != nil {
				var wrong *market.RowError
				require.ErrorAs(t, err, &wrong)
				require.Greater(t, wrong.Line, line)
				line = wrong.Line
				continue
			}
			require.NoError(t, market.CheckSymbol(q.Symbol))
			require.Positive(t, q.Price)
			require.False(t, math.IsInf(q.Price, 0))
		}
		require.LessOrEqual(t, n, strings.Count(in, "\n")+1)
	})
}
