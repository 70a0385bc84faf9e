package natsmediator

import "github.com/nats-io/nats.go"

// Conn is a node's connection, for tests that play the other side by hand.
func Conn(n *Node) *nats.Conn { return n.nc }
