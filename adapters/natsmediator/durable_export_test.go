package natsmediator

import "github.com/nats-io/nats.go/jetstream"

// JetStream is that of the node's connection, to look at what is there.
func JetStream(n *Node) jetstream.JetStream { return n.js() }

var (
	EncodeLetter = encodeLetter
	DecodeLetter = decodeLetter
	EncodeRecord = encodeRecord
	DecodeRecord = decodeRecord
)
