package behaviors_test

import (
	"context"
	"errors"
	"log/slog"
	"os"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
)

// printed writes lines without what differs from run to run.
func printed() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		switch a.Key {
		case slog.TimeKey, "duration", "rate":
			return slog.Attr{}
		}
		return a
	}}))
}

type login struct {
	mediator.Command
	User, Password string
}

func checkPassword(_ context.Context, l login) error {
	if l.Password != "correct horse" {
		return errors.New("wrong password")
	}
	return nil
}

func ExampleLog() {
	m, err := mediator.New(
		mediator.Use(behaviors.Log(printed())),
		mediator.HandleCommand(checkPassword, mediator.Named("users.login")))
	if err != nil {
		panic(err)
	}
	_ = mediator.Exec(context.Background(), m, login{User: "ann", Password: "correct horse"})
	_ = mediator.Exec(context.Background(), m, login{User: "ann", Password: "1234"})
	// Output:
	// level=INFO msg=succeeded name=users.login kind=request
	// level=ERROR msg=failed name=users.login kind=request error="wrong password"
}

func ExampleLogWith() {
	redacted := behaviors.LogConfig{
		Bodies: true,
		Redact: func(body any) any {
			if l, ok := body.(login); ok {
				return l.User
			}
			return nil // what nobody has thought about is not shown
		},
	}
	m, err := mediator.New(
		mediator.Use(behaviors.LogWith(printed(), redacted)),
		mediator.HandleCommand(checkPassword, mediator.Named("users.login")))
	if err != nil {
		panic(err)
	}
	_ = mediator.Exec(context.Background(), m, login{User: "ann", Password: "correct horse"})
	// Output:
	// level=INFO msg=succeeded name=users.login kind=request message=ann
}

func ExampleLogConfig() {
	c := behaviors.LogConfig{ProgressItems: 2}
	m, err := mediator.New(mediator.Use(behaviors.LogWith(printed(), c)), mediator.HandleStream(numbers, mediator.Named("numbers")))
	if err != nil {
		panic(err)
	}
	for range mediator.Stream(context.Background(), m, upTo{N: 5}) {
	}
	// Output:
	// level=INFO msg=progress name=numbers kind=stream items=2
	// level=INFO msg=progress name=numbers kind=stream items=4
	// level=INFO msg=succeeded name=numbers kind=stream items=5
}

func ExampleLog_answers() {
	soldOut := behaviors.Business(errors.New("sold out"))
	m, err := mediator.New(
		mediator.Use(behaviors.Log(printed())),
		mediator.HandleCommand(func(context.Context, login) error { return soldOut }, mediator.Named("tickets.buy")))
	if err != nil {
		panic(err)
	}
	_ = mediator.Exec(context.Background(), m, login{})
	// Output:
	// level=INFO msg=declined name=tickets.buy kind=request error="sold out"
}

func ExampleLogLevel() {
	quiet := behaviors.LogConfig{Level: func(e behaviors.Ending) slog.Level {
		if e == behaviors.Succeeded {
			return slog.LevelDebug
		}
		return behaviors.LogLevel(e)
	}}
	m, err := mediator.New(
		mediator.Use(behaviors.LogWith(printed(), quiet)),
		mediator.HandleCommand(checkPassword, mediator.Named("users.login")))
	if err != nil {
		panic(err)
	}
	_ = mediator.Exec(context.Background(), m, login{User: "ann", Password: "correct horse"})
	_ = mediator.Exec(context.Background(), m, login{User: "ann", Password: "1234"})
	// Output:
	// level=ERROR msg=failed name=users.login kind=request error="wrong password"
}
