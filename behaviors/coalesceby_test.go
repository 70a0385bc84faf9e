package behaviors_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// whoAmI is answered by what is in the context alone.
type whoAmI struct{ mediator.Returns[string] }

func answerByTenant(runs *int) func(context.Context, whoAmI) (string, error) {
	return func(ctx context.Context, _ whoAmI) (string, error) {
		*runs++
		time.Sleep(time.Second)
		tenant, _ := ctx.Value(tenantKey{}).(string)
		return tenant, nil
	}
}

func TestCoalesceByTellsCallersApartByTheirContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := 0
		m := newMediator(t, mediator.Handle(answerByTenant(&runs), mediator.Use(behaviors.CoalesceBy(func(ctx context.Context, c mediator.Call) string {
			tenant, _ := ctx.Value(tenantKey{}).(string)
			if tenant == "" {
				return ""
			}
			return c.Name() + "/" + tenant
		}))))
		begun := time.Now()
		send := func(tenant string) <-chan string {
			got := make(chan string, 1)
			go func() {
				answer, err := mediator.Send(context.WithValue(t.Context(), tenantKey{}, tenant), m, whoAmI{})
				if err != nil {
					t.Error(err)
				}
				got <- answer
			}()
			synctest.Wait()
			return got
		}
		var answers []<-chan string
		want := []string{"A", "B", "A", "B", "", ""}
		for _, tenant := range want {
			answers = append(answers, send(tenant))
		}
		for i, answer := range answers {
			require.Equal(t, want[i], <-answer)
		}
		require.Equal(t, time.Second, time.Since(begun))
		require.Equal(t, 4, runs, "those of a tenant share, those without a key do not")
	})
	requirePanics(t, "CoalesceBy: the key function is nil", func() { behaviors.CoalesceBy(nil) })
	require.Equal(t, "Coalesce", nameOf(behaviors.CoalesceBy(func(context.Context, mediator.Call) string { return "" })))
}

func ExampleCoalesceBy() {
	byTenant := behaviors.CoalesceBy(func(ctx context.Context, c mediator.Call) string {
		tenant, _ := ctx.Value(tenantKey{}).(string)
		return tenant + "/" + c.Message().(price).SKU
	})
	// hold the runs until all have come
	arrived, finish := make(chan struct{}), make(chan struct{})
	gate := behaviors.When(func(mediator.Call) bool { arrived <- struct{}{}; return true }, byTenant)
	m, err := mediator.New(mediator.Handle(func(ctx context.Context, _ price) (int, error) {
		<-finish
		return len(ctx.Value(tenantKey{}).(string)), nil
	}, mediator.Use(gate)))
	if err != nil {
		panic(err)
	}
	answers := map[string]chan int{"acme": make(chan int), "globex": make(chan int)}
	for tenant, answer := range answers {
		go func() {
			n, _ := mediator.Send(context.WithValue(context.Background(), tenantKey{}, tenant), m, price{SKU: "x"})
			answer <- n
		}()
		<-arrived
	}
	close(finish)
	fmt.Println(<-answers["acme"], <-answers["globex"])
	// Output: 4 6
}
