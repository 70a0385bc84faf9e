package natsmediator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// startTimeout is how long an embedded server may take to listen, once it has
// read its directory.
const startTimeout = 30 * time.Second

// Embed starts a NATS server inside this process and returns a node on it. The
// connection between them is in memory; the server listens for no other unless
// [Listen] says so. JetStream keeps its files in dir, which is made if it is not
// there, and syncs every write before it acknowledges it.
//
// dir belongs to one server at a time, of this process or another: a second one
// gets [ErrLocked]. The lock ends with the process, however it ends.
func Embed(dir string, opts ...NodeOption) (*Node, error) {
	n, err := embed(dir, newNodeConfig("Embed", opts))
	if err != nil {
		return nil, fmt.Errorf("natsmediator: embed in %s: %w", dir, err)
	}
	return n, nil
}

func embed(dir string, c nodeConfig) (_ *Node, err error) {
	if dir == "" {
		return nil, errors.New("the directory has no name: JetStream needs one for its files")
	}
	unlock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	s, err := startServer(dir, c)
	if err != nil {
		return nil, errors.Join(err, unlock())
	}
	n, err := connect(c, "", nats.InProcessServer(s))
	if err != nil {
		stopServer(s)
		return nil, errors.Join(err, unlock())
	}
	n.server, n.unlock = s, unlock
	return n, nil
}

func startServer(dir string, c nodeConfig) (*server.Server, error) {
	o := &server.Options{
		DontListen: !c.listen,
		JetStream:  true, StoreDir: dir, SyncAlways: true, JetStreamMaxStore: c.maxStore,
		NoSigs: true, NoLog: true, DisableJetStreamBanner: true,
		PingInterval: pingInterval, MaxPingsOut: pingsMissed,
	}
	if c.listen {
		o.Host, o.Port = c.host, c.port
		if o.Port == 0 {
			o.Port = server.RANDOM_PORT
		}
	}
	for _, f := range c.server {
		f(o)
	}
	switch {
	case !o.JetStream || o.StoreDir != dir:
		return nil, errors.New("ServerOptions changed JetStream or StoreDir, which the lock is for")
	case o.DontListen == c.listen:
		return nil, errors.New("ServerOptions changed DontListen: use Listen")
	case !c.listen && (o.Cluster.Port != 0 || o.Gateway.Port != 0):
		return nil, errors.New("a server of a cluster has to listen for clients too: add Listen")
	}
	s, err := server.NewServer(o)
	if err != nil {
		return nil, err
	}
	log := &serverLog{log: c.log}
	s.SetLoggerV2(log, o.Debug, o.Trace, false)
	s.Start()
	err = log.failure()
	if err == nil && !s.ReadyForConnections(startTimeout) {
		err = fmt.Errorf("the server is not ready after %v", startTimeout)
	}
	if err != nil {
		stopServer(s)
		return nil, err
	}
	return s, nil
}

func stopServer(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

// stopServer gives the directory up once nothing uses it.
func (n *Node) stopServer() error {
	stopServer(n.server)
	return n.unlock()
}

// serverLog hands on what an embedded server has to say. The server calls Fatalf
// where a program of its own would exit, and goes on without what failed.
type serverLog struct {
	log   *slog.Logger
	mu    sync.Mutex
	fatal error
}

func (l *serverLog) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}

func (l *serverLog) Fatalf(format string, v ...any) {
	err := fmt.Errorf(format, v...)
	l.mu.Lock()
	l.fatal = errors.Join(l.fatal, err)
	l.mu.Unlock()
	l.log.Error("nats server", "fatal", err)
}

func (l *serverLog) Errorf(format string, v ...any)  { l.say(slog.LevelError, format, v) }
func (l *serverLog) Warnf(format string, v ...any)   { l.say(slog.LevelWarn, format, v) }
func (l *serverLog) Noticef(format string, v ...any) { l.say(slog.LevelDebug, format, v) }
func (l *serverLog) Debugf(format string, v ...any)  { l.say(slog.LevelDebug, format, v) }
func (l *serverLog) Tracef(format string, v ...any)  { l.say(slog.LevelDebug, format, v) }

func (l *serverLog) say(level slog.Level, format string, v []any) {
	if ctx := context.Background(); l.log.Enabled(ctx, level) {
		l.log.Log(ctx, level, fmt.Sprintf("nats server: "+format, v...))
	}
}
