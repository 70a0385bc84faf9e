package natsmediator

import "github.com/nats-io/nats.go"

// reports are the handlers by which the log learns of the connection. They are called
// late, one after the other: that a node is closed may be seen ahead of what came
// before.
func (n *Node) reports() []nats.Option {
	log := n.config.log
	return []nats.Option{
		nats.DisconnectErrHandler(func(nc *nats.Conn, err error) {
			if !nc.IsClosed() {
				log.Warn("natsmediator: the connection is lost: another is made as soon as a server is there", "error", err)
			}
		}),
		nats.ConnectHandler(func(nc *nats.Conn) {
			if n.late.Load() {
				log.Info("natsmediator: connected", "server", nc.ConnectedUrlRedacted())
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			log.Info("natsmediator: connected again", "server", nc.ConnectedUrlRedacted(), "times", nc.Stats().Reconnects)
		}),
		nats.ClosedHandler(func(nc *nats.Conn) {
			if !n.isClosing() {
				log.Error("natsmediator: the connection is closed for good: the node is of no use any more", "error", nc.LastError())
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			log.Error("natsmediator: the connection reports an error", "error", err, "subject", subject)
		}),
	}
}

func (n *Node) isClosing() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.closing
}
