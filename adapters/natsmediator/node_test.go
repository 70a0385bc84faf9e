package natsmediator_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestEmbedHasNoListenerUnlessAsked(t *testing.T) {
	require.Empty(t, embed(t).URL())

	n := embed(t, natsmediator.Listen("127.0.0.1:0"))
	nc, err := nats.Connect(n.URL())
	require.NoError(t, err)
	nc.Close()
}

func TestNodeCloseLeavesNoGoroutine(t *testing.T) {
	before := goleak.IgnoreCurrent()
	for _, opts := range [][]natsmediator.NodeOption{nil, {natsmediator.Listen("127.0.0.1:0")}} {
		n, err := natsmediator.Embed(t.TempDir(), opts...)
		require.NoError(t, err)
		require.NoError(t, n.Close(t.Context()))
		require.NoError(t, n.Close(t.Context()), "a second time")
		goleak.VerifyNone(t, before)
	}
}

func TestEmbedAgainInTheSameDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "down")
	for range 3 {
		n, err := natsmediator.Embed(dir)
		require.NoError(t, err)
		_, err = natsmediator.Embed(dir)
		require.ErrorIs(t, err, natsmediator.ErrLocked)
		require.ErrorContains(t, err, "by this process")
		require.NoError(t, n.Close(t.Context()))
	}
}

func init() {
	children["embed"] = func(args []string) int {
		_, err := natsmediator.Embed(args[0])
		if err == nil {
			return 0
		}
		_, _ = os.Stderr.WriteString(err.Error())
		return 1
	}
}

func TestTwoProcessesInOneDirectory(t *testing.T) {
	dir := t.TempDir()
	n, err := natsmediator.Embed(dir)
	require.NoError(t, err)
	second := func() (string, error) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		c := exec.CommandContext(ctx, os.Args[0], dir)
		c.Env = append(os.Environ(), childEnv+"=embed")
		out, err := c.CombinedOutput()
		return string(out), err
	}
	out, err := second()
	require.Error(t, err)
	require.Contains(t, out, "the directory is in use by process")
	require.NoError(t, n.Close(t.Context()))
	out, err = second()
	require.NoError(t, err, out)
}

func TestEmbedErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	taken := embed(t, natsmediator.Listen("127.0.0.1:0"))
	for name, c := range map[string]struct {
		dir  string
		opts []natsmediator.NodeOption
		want string
	}{
		"a file": {dir: file, want: "file"},
		"port taken": {opts: []natsmediator.NodeOption{natsmediator.Listen(taken.URL()[len("nats://"):])},
			want: "address already in use"},
		"other directory": {opts: []natsmediator.NodeOption{natsmediator.ServerOptions(func(o *server.Options) { o.StoreDir = "elsewhere" })},
			want: "StoreDir"},
		"listen behind our back": {opts: []natsmediator.NodeOption{natsmediator.ServerOptions(func(o *server.Options) { o.DontListen = false })},
			want: "use Listen"},
		"cluster that does not listen": {opts: []natsmediator.NodeOption{natsmediator.ServerOptions(func(o *server.Options) { o.Cluster.Port = -1 })},
			want: "add Listen"},
		"invalid": {opts: []natsmediator.NodeOption{natsmediator.ServerOptions(func(o *server.Options) { o.MaxPayload = -1; o.MaxPending = -5 })},
			want: "pending"},
		"code twice": {opts: []natsmediator.NodeOption{natsmediator.ErrorCode("closed", os.ErrClosed)}, want: `the code "closed" is taken`},
	} {
		t.Run(name, func(t *testing.T) {
			before := goleak.IgnoreCurrent()
			dir := c.dir
			if dir == "" {
				dir = t.TempDir()
			}
			_, err := natsmediator.Embed(dir, c.opts...)
			require.ErrorContains(t, err, c.want)
			goleak.VerifyNone(t, before)
			if c.dir == "" { // the lock is free again
				n, err := natsmediator.Embed(dir)
				require.NoError(t, err)
				require.NoError(t, n.Close(t.Context()))
			}
		})
	}
}

func TestEmbedWithoutADirectory(t *testing.T) {
	_, err := natsmediator.Embed("")
	require.ErrorContains(t, err, "the directory has no name: JetStream needs one")
}

func TestConnectErrors(t *testing.T) {
	_, err := natsmediator.Connect("nats://127.0.0.1:1", natsmediator.ClientOptions(nats.Timeout(time.Second)))
	require.ErrorIs(t, err, nats.ErrNoServers)
	_, err = natsmediator.Connect("nats://127.0.0.1:1", natsmediator.MaxStore(1))
	require.ErrorContains(t, err, "MaxStore is about an embedded server: use Embed")
}

func TestConnectWithCredentials(t *testing.T) {
	withUser := natsmediator.ServerOptions(func(o *server.Options) { o.Username, o.Password = "shop", "secret" })
	user := natsmediator.ClientOptions(nats.UserInfo("shop", "secret"))
	n := embed(t, natsmediator.Listen("127.0.0.1:0"), withUser, user)
	connect(t, n, user)
	_, err := natsmediator.Connect(n.URL())
	require.ErrorIs(t, err, nats.ErrAuthorization)
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	for want, f := range map[string]func(){
		"natsmediator: Namespace: the name \"a.b\" has to":                          func() { natsmediator.Namespace("a.b") },
		"natsmediator: MaxStore(-1): it has to be positive":                         func() { natsmediator.MaxStore(-1) },
		"natsmediator: Listen(\"here\"): address here: missing port in address":     func() { natsmediator.Listen("here") },
		"natsmediator: Listen(\"a:x\"): the port is no number of 16 bits":           func() { natsmediator.Listen("a:x") },
		"natsmediator: Logger: the logger is nil":                                   func() { natsmediator.Logger(nil) },
		"natsmediator: ServerOptions: the function is nil":                          func() { natsmediator.ServerOptions(nil) },
		"natsmediator: Codecs: codec 1 of 1 is nil":                                 func() { natsmediator.Codecs(nil) },
		"natsmediator: Propagate: the propagator is nil":                            func() { natsmediator.Propagate(nil) },
		"natsmediator: ErrorCode(\"x\"): the error is nil":                          func() { natsmediator.ErrorCode("x", nil) },
		"natsmediator: ErrorCode: the name \"\" has to be made of letters, digits,": func() { natsmediator.ErrorCode("", os.ErrClosed) },
		"natsmediator: Embed: option 1 of 1 is nil":                                 func() { _, _ = natsmediator.Embed(t.TempDir(), nil) },
	} {
		require.PanicsWithValue(t, panicText{want}, func() {
			defer func() { panic(panicText{recover()}.from(want)) }()
			f()
		})
	}
}

// panicText compares the beginning of what a panic says.
type panicText struct{ v any }

func (p panicText) from(want string) panicText {
	if s, ok := p.v.(string); ok && len(s) >= len(want) && s[:len(want)] == want {
		return panicText{want}
	}
	return p
}

// A node whose server goes away just then neither waits for that to answer nor fails.
func TestNodeCloseWhileItsServerGoes(t *testing.T) {
	for range 30 {
		n, err := natsmediator.Embed(t.TempDir(), natsmediator.Listen("127.0.0.1:0"), natsmediator.ServerOptions(noSync))
		require.NoError(t, err)
		client, err := natsmediator.Connect(n.URL())
		require.NoError(t, err)
		closed := make(chan error, 1)
		go func() { closed <- n.Close(context.Background()) }()
		for rawConn(t, client).IsConnected() && rawConn(t, n).IsConnected() {
			runtime.Gosched()
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		require.NoError(t, client.Close(ctx))
		cancel()
		require.NoError(t, <-closed)
	}
}
