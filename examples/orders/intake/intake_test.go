package intake_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/fsmediator/mediator/examples/orders/intake"
	"github.com/fsmediator/mediator/examples/orders/messages"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	header = "customer,email,sku,qty,unit_cents,card\n"
	row    = "Ada,ada@example.com,CUP,2,1250,visa-4242"
	object = `{"customer":"Ada","email":"ada@example.com","sku":"CUP","qty":2,"unit_cents":1250,"card":"visa-4242"}`
)

var cups = messages.PlaceOrder{
	Customer: "Ada", Email: "ada@example.com", SKU: "CUP", Qty: 2, UnitCents: 1250, Card: "visa-4242",
}

// read returns the orders, the texts of the errors of lines, and the error that
// ended the reading.
func read(t *testing.T, r io.Reader, f intake.Format) (orders []messages.PlaceOrder, skipped []string, end error) {
	t.Helper()
	seq, err := intake.Orders(r, f)
	if err != nil {
		return nil, nil, err
	}
	for o, err := range seq {
		require.NoError(t, end, "an error that is no LineError comes last")
		switch _, malformed := errors.AsType[*intake.LineError](err); {
		case malformed:
			skipped = append(skipped, err.Error())
			require.Zero(t, o)
		case err != nil:
			end = err
		default:
			orders = append(orders, o)
		}
	}
	return orders, skipped, end
}

func TestFormatOf(t *testing.T) {
	for name, want := range map[string]intake.Format{
		"a.jsonl": intake.JSONLines, "a.NDJSON": intake.JSONLines, "a.json": intake.JSONLines,
		"dir.csv/a.csv": intake.CSV, "a.txt": intake.Auto, "-": intake.Auto, "dir.csv/a": intake.Auto,
	} {
		require.Equal(t, want, intake.FormatOf(name), name)
	}
}

func TestReadsBothFormats(t *testing.T) {
	const mark = "\uFEFF"
	quoted := cups
	quoted.Customer = `Lovelace, "Ada"`
	for name, c := range map[string]struct {
		in     string
		format intake.Format
		want   []messages.PlaceOrder
	}{
		"JSON":                  {object + "\n" + object + "\n", intake.JSONLines, []messages.PlaceOrder{cups, cups}},
		"JSON, sniffed":         {"\n  " + object, intake.Auto, []messages.PlaceOrder{cups}},
		"JSON, no last newline": {object, intake.JSONLines, []messages.PlaceOrder{cups}},
		"JSON, mark and CRLF":   {mark + object + "\r\n\r\n" + object + "\r\n", intake.Auto, []messages.PlaceOrder{cups, cups}},
		"CSV":                   {header + row + "\n" + row + "\n", intake.CSV, []messages.PlaceOrder{cups, cups}},
		"CSV, sniffed":          {header + row, intake.Auto, []messages.PlaceOrder{cups}},
		"CSV, mark and CRLF":    {mark + strings.ReplaceAll("\n"+header+"\n"+row+"\n", "\n", "\r\n"), intake.Auto, []messages.PlaceOrder{cups}},
		"CSV, columns elsewhere": {
			"Card , QTY,sku,email,unit_cents,customer\nvisa-4242, 2 ,CUP,ada@example.com,1250,\"Lovelace, \"\"Ada\"\"\"\n",
			intake.CSV, []messages.PlaceOrder{quoted},
		},
		"CSV, header only": {header, intake.CSV, nil},
		"empty":            {"", intake.Auto, nil},
		"empty JSON":       {"", intake.JSONLines, nil},
		"empty CSV":        {"", intake.CSV, nil},
		"blank":            {mark + " \r\n\n\t\n", intake.Auto, nil},
	} {
		t.Run(name, func(t *testing.T) {
			for way, r := range map[string]io.Reader{
				"at once": strings.NewReader(c.in), "byte by byte": iotest.OneByteReader(strings.NewReader(c.in)),
			} {
				orders, skipped, err := read(t, r, c.format)
				require.NoError(t, err, way)
				require.Empty(t, skipped, way)
				require.Equal(t, c.want, orders, way)
			}
		})
	}
}

func TestMalformedJSON(t *testing.T) {
	without := func(what, with string) string { return strings.Replace(object, what, with, 1) }
	for _, c := range []struct{ line, want string }{
		{"hello", "line 2: not a JSON object"},
		{"[" + object + "]", "line 2: not a JSON object"},
		{object[:40], "line 2: not JSON: the line ends in the middle"},
		{without(`,"card"`, `,,"card"`), "line 2: not JSON: invalid character ',' looking for beginning of object key string (column 83)"},
		{object + object, "line 2: more than one JSON value"},
		{object + " x", "line 2: more than one JSON value"},
		{without(`"qty":2`, `"qty":-2`), "line 2: invalid order: qty is -2, must be 1 to 10000"},
		{without(`"qty":2,`, ``), "line 2: invalid order: qty is 0, must be 1 to 10000"},
		{without(`"qty":2`, `"qty":"2"`), "line 2: qty is a string, must be a whole number"},
		{without(`"qty":2`, `"qty":2.5`), "line 2: qty is 2.5, must be a whole number"},
		{without(`"qty":2`, `"qty":99999999999999999999`), "line 2: qty is 99999999999999999999, must be a whole number"},
		{without(`"sku":"CUP"`, `"sku":["CUP"]`), "line 2: sku is an array, must be text"},
		{without(`"sku":"CUP"`, `"sku":null`), "line 2: invalid order: sku is missing"},
		{without(`"sku"`, `"skew"`), `line 2: unknown field "skew"`},
		{without("Ada", "A\xffda"), "line 2: not UTF-8"},
		{without("Ada", `A\u001b[2Jda`), "line 2: invalid order: customer contains a control character"},
	} {
		orders, skipped, err := read(t, strings.NewReader(object+"\n"+c.line+"\n"+object), intake.JSONLines)
		require.NoError(t, err, c.line)
		require.Equal(t, []string{c.want}, skipped, c.line)
		require.Equal(t, []messages.PlaceOrder{cups, cups}, orders, c.line)
	}
}

func TestMalformedCSV(t *testing.T) {
	without := func(what, with string) string { return strings.Replace(row, what, with, 1) }
	for _, c := range []struct{ line, want string }{
		{"hello", "line 3: 1 fields, the header has 6"},
		{row + ",", "line 3: 7 fields, the header has 6"},
		{without("Ada", `"Ada`), `line 3: not CSV: extraneous or missing " in quoted-field (column 42)`},
		{without("Ada", `A"da`), `line 3: not CSV: bare " in non-quoted-field (column 2)`},
		{without(",2,", ",-2,"), "line 3: invalid order: qty is -2, must be 1 to 10000"},
		{without(",2,", ",,"), `line 3: qty is "", must be a whole number`},
		{without(",1250,", ",12.50,"), `line 3: unit_cents is "12.50", must be a whole number`},
		{without("CUP", "  "), "line 3: invalid order: sku is missing"},
		{without("Ada", "A\xffda"), "line 3: not UTF-8"},
	} {
		orders, skipped, err := read(t, strings.NewReader(header+row+"\n"+c.line+"\n"+row), intake.CSV)
		require.NoError(t, err, c.line)
		require.Equal(t, []string{c.want}, skipped, c.line)
		require.Equal(t, []messages.PlaceOrder{cups, cups}, orders, c.line)
	}
}

func TestHeaderThatIsNone(t *testing.T) {
	const not = "not the header of a CSV file of orders: "
	for in, want := range map[string]string{
		row:                      "line 1: " + not + "missing customer, email, sku, qty, unit_cents, card; unknown \"ada\"",
		"\ncustomer,email,sku\n": "line 2: " + not + "missing qty, unit_cents, card",
		"note," + header:         "line 1: " + not + `unknown "note"`,
		"sku," + header:          "line 1: " + not + "sku twice",
		`"` + header:             "line 1: header: not CSV",
		"\xff" + header:          "line 1: header: not UTF-8",
		strings.Repeat("x", 1e5): "line 1: longer than 65536 bytes",
	} {
		_, err := intake.Orders(strings.NewReader(in), intake.CSV)
		require.ErrorContains(t, err, want)
	}
}

// Where nothing else tells the format, a malformed line at the top costs no more than
// one in the middle.
func TestMalformedLinesAtTheTop(t *testing.T) {
	for in, want := range map[string][]string{
		"garbage\n" + object:                             {"line 1: not a JSON object"},
		"\n  [1,2\n\nquantity,x\n" + object:              {"line 2: not a JSON object", "line 4: not a JSON object"},
		header + "{\n" + row:                             {"line 2: 1 fields, the header has 6"},
		"\n " + strings.ToUpper(header) + row:            nil,
		strings.Replace(header, "sku", `"sku"`, 1) + row: nil,
	} {
		orders, skipped, err := read(t, strings.NewReader(in), intake.Auto)
		require.NoError(t, err, in)
		require.Equal(t, []messages.PlaceOrder{cups}, orders, in)
		require.Equal(t, want, skipped, in)
	}
	for _, in := range []string{"Dear diary,\n", "garbage\n\ngarbage", "sku,qty\n" + object} {
		_, err := intake.Orders(strings.NewReader(in), intake.Auto)
		require.ErrorContains(t, err, "line 1: not the header of a CSV file of orders", in)
	}
}

func TestLongLines(t *testing.T) {
	long := strings.Replace(object, "Ada", strings.Repeat("A", 200_000), 1)
	in := strings.Join([]string{object, long, object, long}, "\n")
	orders, skipped, err := read(t, strings.NewReader(in), intake.JSONLines)
	require.NoError(t, err)
	require.Equal(t, []messages.PlaceOrder{cups, cups}, orders)
	require.Equal(t, []string{"line 2: longer than 65536 bytes", "line 4: longer than 65536 bytes"}, skipped)

	// The longest line that is read, with its newline, and the shortest that is not.
	for spaces, want := range map[int]int{65536 - len(object) - 1: 1, 65536 - len(object): 0} {
		orders, _, err = read(t, strings.NewReader(strings.Repeat(" ", spaces)+object+"\n"), intake.JSONLines)
		require.NoError(t, err)
		require.Len(t, orders, want)
	}
	// Nothing but space for longer than a line: nothing can be sniffed.
	_, err = intake.Orders(strings.NewReader(strings.Repeat(" ", 200_000)), intake.Auto)
	require.ErrorContains(t, err, "line 1: longer than 65536 bytes")
}

func TestReasonsAreFitForATerminal(t *testing.T) {
	err := &intake.LineError{Line: 3, Err: errors.New("a\nb\x1b[2Jc\u009bd" + strings.Repeat("é", 1000))}
	require.Regexp(t, `^line 3: a b \[2Jc dé{145,150}\.\.\.$`, err.Error())
	require.EqualError(t, &intake.LineError{Line: 1, Err: io.EOF}, "line 1: EOF")
	require.ErrorIs(t, &intake.LineError{Line: 1, Err: io.EOF}, io.EOF)
}

func TestReaderThatFails(t *testing.T) {
	broken := errors.New("broken")
	for name, in := range map[string]string{
		"between lines": object + "\n" + object + "\n",
		"in a line":     object + "\n" + object + "\n" + object,
		"in a long one": object + "\n" + object + "\n" + strings.Repeat("x", 100_000),
	} {
		orders, skipped, err := read(t, io.MultiReader(strings.NewReader(in), iotest.ErrReader(broken)), intake.JSONLines)
		require.ErrorIs(t, err, broken, name)
		require.ErrorContains(t, err, "line 3", name)
		require.Empty(t, skipped, name)
		require.Len(t, orders, 2, name)
	}
	for _, f := range []intake.Format{intake.Auto, intake.JSONLines, intake.CSV} {
		_, err := intake.Orders(iotest.ErrReader(broken), f)
		require.ErrorIs(t, err, broken)
	}
}

func TestReadsNoFurtherThanAsked(t *testing.T) {
	endless := &lineReader{line: object + "\n"}
	seq, err := intake.Orders(endless, intake.Auto)
	require.NoError(t, err)
	n := 0
	for o, err := range seq {
		require.NoError(t, err)
		require.Equal(t, cups, o)
		if n++; n == 3000 {
			break
		}
	}
	require.Less(t, endless.given, 3000*len(endless.line)+2*65536)
}

// lineReader gives the same line again and again.
type lineReader struct {
	line  string
	given int
}

func (r *lineReader) Read(p []byte) (int, error) {
	n := copy(p, r.line[r.given%len(r.line):])
	r.given += n
	return n, nil
}

func FuzzOrders(f *testing.F) {
	for _, seed := range []string{
		"", object, header + row, header + `"` + row, "\uFEFF" + object + "\r\n", "{}\n[]\nnull\n1\n\"\"\n{", header + "\x00,\",\"\",\r\r\n,,,,,\n",
	} {
		f.Add([]byte(seed), uint8(intake.Auto))
		f.Add([]byte(object+"\n"+seed+"\n"+object), uint8(intake.JSONLines))
		f.Add([]byte(header+row+"\n"+seed+"\n"+row), uint8(intake.CSV))
	}
	f.Fuzz(func(t *testing.T, in []byte, format uint8) {
		seq, err := intake.Orders(strings.NewReader(string(in)), intake.Format(format%3))
		if err != nil {
			return
		}
		lines, last, results := strings.Count(string(in), "\n")+1, 0, 0
		for o, err := range seq {
			results++
			malformed, ok := errors.AsType[*intake.LineError](err)
			switch {
			case ok:
				require.Greater(t, malformed.Line, last, "line numbers grow")
				require.LessOrEqual(t, malformed.Line, lines)
				require.NotContains(t, err.Error(), "\n")
				last = malformed.Line
			default:
				require.NoError(t, err, "a string can be read to its end")
				require.NoError(t, o.Validate())
			}
		}
		require.LessOrEqual(t, results, lines, "a line gives one result at most")
	})
}

func BenchmarkOrders(b *testing.B) {
	for name, c := range map[string]struct {
		in     string
		format intake.Format
	}{
		"JSONLines": {strings.Repeat(object+"\n", 1000), intake.JSONLines},
		"CSV":       {header + strings.Repeat(row+"\n", 1000), intake.CSV},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				seq, err := intake.Orders(strings.NewReader(c.in), c.format)
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for _, err := range seq {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != 1000 {
					b.Fatal(fmt.Sprint(n))
				}
			}
		})
	}
}
