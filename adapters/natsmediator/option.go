package natsmediator

import (
	"fmt"
	"log/slog"
	"net"
	"strconv"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// NodeOption is about one [Embed] or [Connect].
type NodeOption interface {
	applyNode(c *nodeConfig)
}

// DefaultMaxStore is how many bytes JetStream of an embedded server may keep in
// its directory, unless [MaxStore] says otherwise: 10 GiB.
const DefaultMaxStore = 10 << 30

// DefaultNamespace is the first token of all subjects, unless [Namespace] says
// otherwise.
const DefaultNamespace = "mediator"

type nodeConfig struct {
	namespace  string
	client     []nats.Option
	log        *slog.Logger
	codecs     []Codec
	codes      []errorCode
	propagator Propagator

	// For Embed alone.
	host     string
	port     int
	listen   bool
	maxStore int64
	server   []func(*server.Options)
	embedded []string // the options of these that were given
}

type nodeOption func(c *nodeConfig)

func (f nodeOption) applyNode(c *nodeConfig) { f(c) }

func newNodeConfig(op string, opts []NodeOption) nodeConfig {
	c := nodeConfig{namespace: DefaultNamespace, maxStore: DefaultMaxStore, log: slog.Default()}
	for i, o := range opts {
		if o == nil {
			panic(fmt.Sprintf("natsmediator: %s: option %d of %d is nil", op, i+1, len(opts)))
		}
		o.applyNode(&c)
	}
	return c
}

// Namespace is the first token of every subject, so that several systems can
// share one server. All nodes of a system have the same. Default:
// [DefaultNamespace]. It panics if the name is not made of letters, digits,
// dashes and underscores.
func Namespace(name string) NodeOption {
	checkToken("Namespace", name)
	return nodeOption(func(c *nodeConfig) { c.namespace = name })
}

// ClientOptions are handed to nats.Connect: TLS, credentials, reconnecting, an
// inbox prefix. They come after, and so ahead of, this package's own: a name,
// reconnecting without end, a ping every five seconds, of which two may be unanswered
// until the connection counts as lost, and handlers that tell the [Logger] of connections
// that are lost and made again, and of errors that are asynchronous.
func ClientOptions(opts ...nats.Option) NodeOption {
	return nodeOption(func(c *nodeConfig) { c.client = append(c.client, opts...) })
}

// Logger is told what has no caller to be told: connections that are lost (a
// warning) and made again (info), what an embedded server warns of, handlers that
// panicked, replies that could not be sent, events that cannot be fetched, relayed or
// made dead letters, and wirings that work against [Durable]. What goes on failing has
// a line a minute. Default: [slog.Default], as it is when the node is made;
// slog.New(slog.DiscardHandler) is told and says nothing. It panics if l is nil.
func Logger(l *slog.Logger) NodeOption {
	if l == nil {
		panic("natsmediator: Logger: the logger is nil")
	}
	return nodeOption(func(c *nodeConfig) { c.log = l })
}

// Listen has an embedded server take connections of others, at host:port. Port 0
// is any that is free, see [Node.URL]. It panics if addr is not of that form.
//
// Without authentication, which [ServerOptions] can ask for, whoever reaches the
// port may send and receive everything.
func Listen(addr string) NodeOption {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		panic(fmt.Sprintf("natsmediator: Listen(%q): %v", addr, err))
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		panic(fmt.Sprintf("natsmediator: Listen(%q): the port is no number of 16 bits", addr))
	}
	return embedOption("Listen", func(c *nodeConfig) { c.listen, c.host, c.port = true, host, int(port) })
}

// MaxStore is how many bytes JetStream of an embedded server may keep in its
// directory; beyond it, publishing fails. Default: [DefaultMaxStore]. It panics
// if n is not positive.
func MaxStore(n int64) NodeOption {
	if n <= 0 {
		panic(fmt.Sprintf("natsmediator: MaxStore(%d): it has to be positive", n))
	}
	return embedOption("MaxStore", func(c *nodeConfig) { c.maxStore = n })
}

// ServerOptions has f change the options of an embedded server before it starts:
// clusters and leaf nodes, TLS, accounts, limits, how often it pings its clients (every
// five seconds, as the node does). A server in a cluster needs
// [Listen]. f must leave JetStream and its directory as they are, for the lock
// guards that directory: Embed refuses anything else. Set SyncAlways to false
// and an acknowledged event may be lost with the machine's power.
func ServerOptions(f func(o *server.Options)) NodeOption {
	if f == nil {
		panic("natsmediator: ServerOptions: the function is nil")
	}
	return embedOption("ServerOptions", func(c *nodeConfig) { c.server = append(c.server, f) })
}

func embedOption(name string, f func(c *nodeConfig)) NodeOption {
	return nodeOption(func(c *nodeConfig) {
		c.embedded = append(c.embedded, name)
		f(c)
	})
}
