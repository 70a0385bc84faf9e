package natsmediator

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go"
)

// denied returns the last error of the connection if it is the server's word that this
// client may not use a subject that begins with one of prefixes. The server gives it to
// the connection and not to the call, which waits in vain.
func (n *Node) denied(prefixes ...string) error {
	err := n.nc.LastError()
	if !errors.Is(err, nats.ErrPermissionViolation) {
		return nil
	}
	text := err.Error()
	for _, p := range prefixes {
		if strings.Contains(text, `"`+p) {
			return err
		}
	}
	return nil
}

// whyLate adds to the error of a call whose time is up what the server may have denied
// it: a subject that begins with one of prefixes, or its own for answers.
func (n *Node) whyLate(err error, prefixes ...string) error {
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, ErrConnection) {
		return err
	}
	inbox := n.nc.Opts.InboxPrefix
	if inbox == "" {
		inbox = nats.InboxPrefix
	}
	if why := n.denied(append(prefixes, inbox)...); why != nil {
		return fmt.Errorf("%w: %w", err, why)
	}
	return err
}

// confirm returns once the server knows of the service's subscriptions, with an error if
// it denied one of calls and cancels. Who denies discovery can do without.
func (s *Service) confirm(ctx context.Context) error {
	nc, before := s.node.nc, s.node.nc.LastError()
	if err := nc.FlushWithContext(ctx); err != nil {
		return err
	}
	own := []string{cancelSubject(s.node.ns, s.name) + `"`}
	for _, e := range s.endpoints {
		own = append(own, e.subject+`"`)
	}
	if err := s.node.denied(own...); err != nil && err != before { //nolint:errorlint // this very one is old
		return err
	}
	return nil
}
