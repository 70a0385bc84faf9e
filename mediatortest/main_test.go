package mediatortest_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"testing"

	"github.com/fsmediator/mediator"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type Charge struct {
	mediator.Returns[Receipt]
	Cents int
}

type Receipt struct{ ID int }

type Refund struct {
	mediator.Command
	Receipt int
}

type OrderPaid struct{ Receipt int }

// Describe makes OrderPaid a described notification.
func (o OrderPaid) Describe() string { return fmt.Sprintf("receipt %d", o.Receipt) }

type described interface{ Describe() string }

type Rates struct {
	mediator.Yields[int]
	Currency string
}

var errDeclined = errors.New("declined")

// checkout is what the tests of a user would test.
func checkout(ctx context.Context, m *mediator.Mediator, cents int) error {
	receipt, err := mediator.Send(ctx, m, Charge{Cents: cents})
	if err != nil {
		return err
	}
	return mediator.Publish(ctx, m, OrderPaid{Receipt: receipt.ID})
}

// exampleT is the t of the examples, whose only test is their output.
type exampleT struct{ testing.TB }

func (exampleT) Helper()        {}
func (exampleT) Cleanup(func()) {}

func (exampleT) Context() context.Context { return context.Background() }

var t testing.TB = exampleT{}

// passes tells whether a test passes, for an example of what tests. What such a
// test prints with -v would be taken for output of the example's.
func passes(test func(*testing.T)) bool {
	verbose := flag.Lookup("test.v").Value
	before := verbose.String()
	if err := verbose.Set("false"); err != nil {
		panic(err)
	}
	defer func() {
		if err := verbose.Set(before); err != nil {
			panic(err)
		}
	}()
	always := func(string, string) (bool, error) { return true, nil }
	return testing.RunTests(always, []testing.InternalTest{{Name: "TestOfAnExample", F: test}})
}
