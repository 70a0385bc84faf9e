package main_test

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	page "github.com/fsmediator/mediator/console"
	orders "github.com/fsmediator/mediator/examples/orders"
)

func TestOnlyThisMachineActs(t *testing.T) {
	for _, test := range []struct {
		from, host string
		op         page.Op
		ok         bool
	}{
		{"127.0.0.1:5000", "localhost:8080", page.Redrive, true},
		{"127.0.0.1:5000", "127.0.0.1:8080", page.Redrive, true},
		{"[::1]:5000", "[::1]:8080", page.Redrive, true},
		{"192.0.2.1:5000", "localhost:8080", page.Redrive, false},
		{"127.0.0.1:5000", "evil.example:8080", page.Redrive, false},
		{"127.0.0.1:5000", "localhost:8080", page.Delete, false},
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.RemoteAddr, r.Host = test.from, test.host
		err := orders.FromHere(r, page.Action{Op: test.op})
		require.Equal(t, test.ok, err == nil, "%+v: %v", test, err)
	}
}
