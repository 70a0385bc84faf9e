package market

import (
	"bufio"
	"bytes"
	_ "embed" // the sample
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The euro reference rates that the European Central Bank published for the year
// up to May 9, 2025: https://www.ecb.europa.eu/stats/eurofxref.
//
//go:embed ecb.csv
var sample []byte

// Sample returns a small file of real prices.
func Sample() io.Reader { return bytes.NewReader(sample) }

// RowError is a row that is not a quote. The rows after it are read all the same.
type RowError struct {
	Line int // from 1
	Err  error
}

// Error begins with the line.
func (e *RowError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns Err.
func (e *RowError) Unwrap() error { return e.Err }

// Limits of what a file may hold, so that no input takes up all memory.
const (
	maxLine = 64 << 10
	// MaxSymbols is how many symbols a market has at most.
	MaxSymbols  = 100
	maxSymbol   = 16 // characters
	maxDayBytes = 40
)

// The names that the header may give to the columns.
var (
	symbolNames = []string{"symbol", "ticker", "currency"}
	priceNames  = []string{"price", "close", "rate", "value"}
	dayNames    = []string{"date", "day", "time", "timestamp"}
)

// Rows reads the header of a CSV file, and returns a sequence of its quotes: each
// with nil, or with a [*RowError] if the row is not a quote; any other error is that
// of the reader, and the last. The header names a column symbol and a column price,
// and may name one date. The sequence can be ranged over once.
func Rows(in io.Reader) (iter.Seq2[Quote, error], error) {
	r := &rows{in: bufio.NewReaderSize(in, maxLine), symbols: map[string]bool{}}
	line, err := r.next()
	if err != nil && (!errors.Is(err, io.EOF) || line == "") {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("it is empty; the first line must be a header such as date,symbol,price")
		}
		return nil, fmt.Errorf("line %d: %w", r.line, err)
	}
	if err := r.header(strings.TrimPrefix(line, "\ufeff")); err != nil {
		return nil, &RowError{Line: r.line, Err: err}
	}
	return r.all, nil
}

type rows struct {
	in                 *bufio.Reader
	line               int // that was read last
	symbol, price, day int // columns; day may be -1
	columns            int
	symbols            map[string]bool
}

func (r *rows) header(line string) error {
	fields, err := split(line)
	if err != nil {
		return err
	}
	column := func(names []string) int {
		return slices.IndexFunc(fields, func(f string) bool { return slices.Contains(names, strings.ToLower(f)) })
	}
	r.symbol, r.price, r.day = column(symbolNames), column(priceNames), column(dayNames)
	if r.columns = len(fields); r.symbol < 0 || r.price < 0 {
		return fmt.Errorf("not the header of a file of quotes, such as date,symbol,price: %.60q", line)
	}
	return nil
}

func (r *rows) all(yield func(Quote, error) bool) {
	for {
		line, err := r.next()
		if errors.Is(err, errLong) {
			if !yield(Quote{}, &RowError{Line: r.line, Err: err}) {
				return
			}
			continue
		}
		if strings.TrimSpace(line) != "" {
			q, wrong := r.quote(line)
			if wrong != nil {
				wrong = &RowError{Line: r.line, Err: wrong}
			}
			if !yield(q, wrong) {
				return
			}
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				yield(Quote{}, fmt.Errorf("line %d: %w", r.line, err))
			}
			return
		}
	}
}

var errLong = fmt.Errorf("longer than %d bytes", maxLine)

// next reads a line. The error may come with what was read before it. What is too
// long is passed over.
func (r *rows) next() (string, error) {
	r.line++
	line, err := r.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		for errors.Is(err, bufio.ErrBufferFull) {
			_, err = r.in.ReadSlice('\n')
		}
		return "", errLong
	}
	return strings.TrimRight(string(line), "\r\n"), err
}

func (r *rows) quote(line string) (Quote, error) {
	fields, err := split(line)
	switch {
	case err != nil:
		return Quote{}, err
	case len(fields) != r.columns:
		return Quote{}, fmt.Errorf("%d fields, the header has %d", len(fields), r.columns)
	}
	q := Quote{Symbol: fields[r.symbol]}
	if r.day >= 0 {
		q.Day = fields[r.day]
	}
	if q.Price, err = strconv.ParseFloat(fields[r.price], 64); err != nil {
		return q, fmt.Errorf("price %.40q is not a number", fields[r.price])
	}
	switch {
	case !(q.Price > 0) || math.IsInf(q.Price, 0):
		return q, fmt.Errorf("price %v is not above 0", q.Price)
	case len(q.Day) > maxDayBytes || !utf8.ValidString(q.Day):
		return q, fmt.Errorf("date %.40q is not one", q.Day)
	}
	if err := CheckSymbol(q.Symbol); err != nil {
		return q, err
	}
	if !r.symbols[q.Symbol] {
		if len(r.symbols) == MaxSymbols {
			return q, fmt.Errorf("symbol %s is one too many, a market has %d", q.Symbol, MaxSymbols)
		}
		r.symbols[q.Symbol] = true
	}
	return q, nil
}

// CheckSymbol returns what is wrong with a symbol.
func CheckSymbol(s string) error {
	switch {
	case s == "":
		return errors.New("there is no symbol")
	case utf8.RuneCountInString(s) > maxSymbol:
		return fmt.Errorf("symbol %.40q is longer than %d characters", s, maxSymbol)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) }):
		return fmt.Errorf("symbol %.40q has characters that cannot be shown", s)
	}
	return nil
}

// split returns the fields of a row. A row is a line: a quote left open does not
// swallow the rows after it.
func split(line string) ([]string, error) {
	fields := strings.Split(line, ",")
	if strings.Contains(line, `"`) {
		var err error
		if fields, err = csv.NewReader(strings.NewReader(line)).Read(); err != nil {
			if wrong, ok := errors.AsType[*csv.ParseError](err); ok {
				err = wrong.Err
			}
			return nil, fmt.Errorf("not a row of CSV: %w", err)
		}
	}
	for i, f := range fields {
		fields[i] = strings.TrimSpace(f)
	}
	return fields, nil
}
