package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/examples/orders/messages"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// assignment is what a service is told by who starts it.
type assignment struct {
	Service   string           `json:"service"`
	URL       string           `json:"url"`
	Token     string           `json:"token,omitempty"` // of the embedded server
	Namespace string           `json:"namespace"`
	Dir       string           `json:"dir"` // where the services keep their ledgers
	Run       string           `json:"run"` // unlike that of any other run
	Stock     map[string]int64 `json:"stock"`
	Replicas  int              `json:"replicas"`
}

// connect returns the node of a process that has no server.
func connect(a assignment, log io.Writer) (*natsmediator.Node, error) {
	return natsmediator.Connect(a.URL, nodeOptions(a, log)...)
}

// embed starts the server, for the processes of this machine that have the token.
func embed(a *assignment, log io.Writer) (*natsmediator.Node, error) {
	a.Token = rand.Text()
	n, err := natsmediator.Embed(filepath.Join(a.Dir, "nats"), append(nodeOptions(*a, log),
		natsmediator.Listen("127.0.0.1:0"),
		natsmediator.ServerOptions(func(o *server.Options) { o.Authorization = a.Token }))...)
	if err == nil {
		a.URL = n.URL()
	}
	return n, err
}

func nodeOptions(a assignment, log io.Writer) []natsmediator.NodeOption {
	opts := []natsmediator.NodeOption{
		natsmediator.Namespace(a.Namespace),
		natsmediator.ErrorCode("invalid_order", messages.ErrInvalid),
		natsmediator.Logger(slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelError}))),
	}
	if a.Token != "" {
		opts = append(opts, natsmediator.ClientOptions(nats.Token(a.Token)))
	}
	return opts
}

// namespace is that of the shop in a directory: on a server that others use too,
// each shop needs its own.
func namespace(dir string) (string, error) {
	path := filepath.Join(dir, "namespace")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		name := "shop-" + strings.ToLower(rand.Text()[:10])
		return name, os.WriteFile(path, []byte(name+"\n"), 0o600)
	}
	if err != nil {
		return "", err
	}
	name := strings.TrimSpace(string(text))
	if !strings.HasPrefix(name, "shop-") || strings.ContainsFunc(name, func(r rune) bool {
		return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
	}) {
		return "", fmt.Errorf("%s: %q is no name of a shop: remove the file, or use another directory", path, name)
	}
	return name, nil
}

// hide leaves passwords of the URLs out of a text.
func hide(urls, text string) string {
	for one := range strings.SplitSeq(urls, ",") {
		if u, err := url.Parse(strings.TrimSpace(one)); err == nil && u.User != nil {
			text = strings.ReplaceAll(text, one, u.Redacted())
		}
	}
	return text
}

// removeStreams takes what a shop stored from a server that goes on without it.
func removeStreams(ctx context.Context, a assignment) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	nc, err := nats.Connect(a.URL)
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	var names []string
	list := js.StreamNames(ctx, jetstream.WithStreamListSubject(a.Namespace+".>"))
	for name := range list.Name() {
		names = append(names, name)
	}
	errs := []error{list.Err()}
	for _, name := range names {
		errs = append(errs, js.DeleteStream(ctx, name))
	}
	return errors.Join(errs...)
}
