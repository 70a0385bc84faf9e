// Command dashboard prints the Grafana dashboard of prommediator:
//
//	go run ./cmd/dashboard > dashboard.json
package main

import (
	"fmt"
	"os"

	"github.com/fsmediator/mediator/adapters/prommediator/internal/dashboard"
)

func main() {
	b, err := dashboard.JSON()
	if err == nil {
		_, err = os.Stdout.Write(b)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}
