package natsmediator_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/boltmediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// lines is a slog.Handler that keeps what it is told from slog.LevelInfo on.
type lines struct {
	mu  sync.Mutex
	all []line
}

type line struct {
	level slog.Level
	text  string
	attrs map[string]any
}

func (l *lines) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }
func (l *lines) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *lines) WithGroup(string) slog.Handler                    { return l }

func (l *lines) Handle(_ context.Context, r slog.Record) error {
	one := line{r.Level, r.Message, map[string]any{}}
	r.Attrs(func(a slog.Attr) bool { one.attrs[a.Key] = a.Value.Any(); return true })
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, one)
	return nil
}

// with returns the lines that contain text.
func (l *lines) with(text string) []line {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.all), func(one line) bool { return !strings.Contains(one.text, text) })
}

func (l *lines) logger() *slog.Logger { return slog.New(l) }

// eventuallyOne waits for a line, and returns it. There may be no other like it.
func (l *lines) eventuallyOne(t testing.TB, text string) line {
	t.Helper()
	eventually(t, text, func() bool { return len(l.with(text)) > 0 })
	found := l.with(text)
	require.Len(t, found, 1, text)
	return found[0]
}

func TestLogIsThatOfSlog(t *testing.T) {
	before := slog.Default()
	defer slog.SetDefault(before)
	var log, later lines
	slog.SetDefault(log.logger())
	n, err := natsmediator.Connect("nats://127.0.0.1:1", natsmediator.ClientOptions(nats.RetryOnFailedConnect(true)))
	require.NoError(t, err)
	closeLast(t, n.Close)
	require.Equal(t, slog.LevelWarn, log.eventuallyOne(t, "no server is there yet").level)

	slog.SetDefault(later.logger())
	silent, err := natsmediator.Connect("nats://127.0.0.1:1", natsmediator.ClientOptions(nats.RetryOnFailedConnect(true)),
		natsmediator.Logger(slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	closeLast(t, silent.Close)
	require.Empty(t, later.with(""))
}

func TestLogOfAConnection(t *testing.T) {
	dir := t.TempDir()
	first, err := natsmediator.Embed(dir, natsmediator.Listen("127.0.0.1:0"))
	require.NoError(t, err)
	address := strings.TrimPrefix(first.URL(), "nats://")
	quick := natsmediator.ClientOptions(nats.ReconnectWait(10*time.Millisecond), nats.ReconnectJitter(0, 0), nats.RetryOnFailedConnect(true))
	var log, waiting lines
	client := connect(t, first, quick, natsmediator.Logger(log.logger()))
	require.NoError(t, first.Close(t.Context()))
	lost := log.eventuallyOne(t, "the connection is lost")
	require.Equal(t, slog.LevelWarn, lost.level)
	require.Error(t, lost.attrs["error"].(error))

	late, err := natsmediator.Connect("nats://user:secret@"+address, quick, natsmediator.Logger(waiting.logger()))
	require.NoError(t, err)
	require.Equal(t, slog.LevelWarn, waiting.eventuallyOne(t, "no server is there yet").level)

	second, err := natsmediator.Embed(dir, natsmediator.Listen(address))
	require.NoError(t, err)
	again := log.eventuallyOne(t, "connected again")
	require.Equal(t, slog.LevelInfo, again.level)
	require.Contains(t, again.attrs["server"], address)
	there := waiting.eventuallyOne(t, "connected")
	require.Equal(t, slog.LevelInfo, there.level)
	require.NotContains(t, there.attrs["server"], "secret")

	// What is closed on purpose is no news.
	require.NoError(t, late.Close(t.Context()))
	require.NoError(t, client.Close(t.Context()))
	require.NoError(t, second.Close(t.Context()))
	require.Len(t, log.with(""), 2)
	require.Len(t, waiting.with(""), 2)
}

// A server that no longer lets the client in, twice, ends its connection.
func TestLogOfAConnectionThatIsClosedForGood(t *testing.T) {
	dir := t.TempDir()
	n, err := natsmediator.Embed(dir, natsmediator.Listen("127.0.0.1:0"))
	require.NoError(t, err)
	address := strings.TrimPrefix(n.URL(), "nats://")
	var log lines
	connect(t, n, natsmediator.ClientOptions(nats.ReconnectWait(10*time.Millisecond), nats.ReconnectJitter(0, 0)), natsmediator.Logger(log.logger()))
	require.NoError(t, n.Close(t.Context()))
	n, err = natsmediator.Embed(dir, natsmediator.Listen(address), natsmediator.ClientOptions(nats.Token("t")),
		natsmediator.ServerOptions(func(o *server.Options) { o.Authorization = "t" }))
	require.NoError(t, err)
	closeLast(t, n.Close)
	closed := log.eventuallyOne(t, "closed for good")
	require.Equal(t, slog.LevelError, closed.level)
	require.ErrorIs(t, closed.attrs["error"].(error), nats.ErrAuthorization)
}

func TestLogOfAnOutboxWhoseServerIsAway(t *testing.T) {
	dir := t.TempDir()
	n, err := natsmediator.Embed(dir, natsmediator.Listen("127.0.0.1:0"))
	require.NoError(t, err)
	address := strings.TrimPrefix(n.URL(), "nats://")
	var log lines
	client := connect(t, n, natsmediator.ClientOptions(nats.ReconnectWait(10*time.Millisecond)), natsmediator.Logger(log.logger()))
	file, err := boltmediator.Open(filepath.Join(t.TempDir(), "outbox.db"))
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	m, err := mediator.New(natsmediator.Durable[paid](client, natsmediator.Outbox(file)))
	require.NoError(t, err)
	require.NoError(t, n.Close(t.Context()))
	log.eventuallyOne(t, "the connection is lost")
	for i := range 3 {
		require.NoError(t, mediator.Publish(t.Context(), m, paid{i}))
	}
	failing := log.eventuallyOne(t, "relaying events from the outbox")
	require.Equal(t, slog.LevelWarn, failing.level)
	require.Equal(t, paidStream, failing.attrs["stream"])
	require.ErrorIs(t, failing.attrs["error"].(error), nats.ErrDisconnected)

	n, err = natsmediator.Embed(dir, natsmediator.Listen(address))
	require.NoError(t, err)
	closeLast(t, n.Close)
	require.Equal(t, slog.LevelInfo, log.eventuallyOne(t, "relayed again").level)
	require.Len(t, log.with("relaying events from the outbox"), 1)
	require.NoError(t, m.Close(t.Context()))
}

// Each attempt at a letter that cannot be stored would be a line.
func TestLogOfLettersThatCannotBeStored(t *testing.T) {
	var log lines
	n := embed(t, natsmediator.ServerOptions(noSync), natsmediator.Logger(log.logger()))
	store := &refusing{Store: deadletter.NewMemory()}
	var s seen
	s.fail(errOutOfStock)
	m := wired(t, s.on("stock"), natsmediator.Durable[paid](n, natsmediator.Attempts(1), natsmediator.DeadLetters(store),
		natsmediator.Backoff(time.Millisecond, 10*time.Millisecond), natsmediator.GiveUpIf(func(error) bool { return true })))
	require.NoError(t, mediator.Publish(t.Context(), m, paid{1}))
	eventually(t, "tried again", func() bool { return store.count() > 5 })
	one := log.eventuallyOne(t, "its dead letter cannot be stored")
	require.Equal(t, slog.LevelError, one.level)
	require.Equal(t, "stock", one.attrs["group"])
	require.ErrorIs(t, one.attrs["error"].(error), errFull)
	store.accept()
	require.Equal(t, slog.LevelInfo, log.eventuallyOne(t, "dead letters are stored again").level)
}

var errFull = errors.New("the store is full")

// refusing is a store that stores nothing until it is told to.
type refusing struct {
	deadletter.Store
	mu      sync.Mutex
	tried   int
	accepts bool
}

func (r *refusing) Put(ctx context.Context, l deadletter.Letter) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tried++; !r.accepts {
		return errFull
	}
	return r.Store.Put(ctx, l)
}

func (r *refusing) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tried
}

func (r *refusing) accept() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.accepts = true
}

func TestTroubleIsToldOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lines
		trouble := natsmediator.NewTrouble(0)
		trouble.Over(log.logger(), "well")
		require.Empty(t, log.with(""), "there was none")
		for range 10 * 60 {
			trouble.Failed(log.logger(), "failing", errFull)
			time.Sleep(time.Second)
		}
		told := log.with("natsmediator: failing")
		require.Len(t, told, 10)
		require.Equal(t, map[string]any{"error": errFull, "failures": int64(1), "for": time.Duration(0)}, told[0].attrs)
		require.Equal(t, map[string]any{"error": errFull, "failures": int64(541), "for": 9 * time.Minute}, told[9].attrs)
		for range 2 {
			trouble.Over(log.logger(), "well")
		}
		require.Len(t, log.with("natsmediator: well"), 1)
		require.Equal(t, map[string]any{"failures": int64(600), "after": 10 * time.Minute}, log.with("well")[0].attrs)
	})
}

// What fails and succeeds in turns would otherwise be told with each turn.
func TestTroubleThatComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lines
		trouble := natsmediator.NewTrouble(0)
		for range 120 {
			trouble.Failed(log.logger(), "failing", errFull)
			trouble.Over(log.logger(), "well")
			time.Sleep(time.Second)
		}
		require.Len(t, log.with("failing"), 2)
		require.Len(t, log.with("well"), 2)
	})
}

func TestTroubleThatIsOverSoonIsNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lines
		trouble := natsmediator.NewTrouble(10 * time.Second)
		for range 10 {
			trouble.Failed(log.logger(), "failing", errFull)
			time.Sleep(time.Second)
		}
		trouble.Over(log.logger(), "well")
		require.Empty(t, log.with(""))
		for range 12 {
			trouble.Failed(log.logger(), "failing", errFull)
			time.Sleep(time.Second)
		}
		require.Len(t, log.with("failing"), 1)
	})
}
