package natsmediator_test

import (
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/fsmediator/mediator/deadletter"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// What the server will never take becomes a dead letter in the file, with its body, and
// holds up nothing.
func TestOutboxGoesOnWithoutWhatIsRefusedForGood(t *testing.T) {
	var log lines
	n := embed(t, natsmediator.Logger(log.logger()), natsmediator.ServerOptions(func(o *server.Options) { o.MaxPayload = 128 << 10 }))
	file := outboxFile(t)
	o := file.Outbox(movedStream)
	body := func(i, size int) []byte {
		return fmt.Appendf(nil, `{"Account":"%s","N":%d}`, strings.Repeat("a", size), i)
	}
	record := func(i int, subject string, size int) []byte {
		return natsmediator.EncodeRecord(&nats.Msg{Subject: subject, Data: body(i, size), Header: nats.Header{"Nats-Msg-Id": {strconv.Itoa(i)}, "ce-id": {strconv.Itoa(i)}}})
	}
	event := natsmediator.EventSubject("mediator", "bank.Moved", 1, 0)
	// As accepted while another server was there, by another version, and by a disk.
	require.NoError(t, o.Append(t.Context(),
		record(0, event, 1), record(1, event, 200<<10), record(2, event, 1), []byte("\x07torn"), record(3, event, 1), record(4, "elsewhere now", 1), record(5, event, 1)))
	wired(t, natsmediator.Durable[moved](n, natsmediator.Outbox(file)))
	eventually(t, "relayed", func() bool { return o.Depth() == 0 })
	var stored []string
	for _, msg := range storedEvents(t, n, movedStream) {
		stored = append(stored, msg.Header.Get("Nats-Msg-Id"))
	}
	require.Equal(t, []string{"0", "2", "3", "5"}, stored)

	var letters []deadletter.Letter
	for l, err := range deadletter.All(t.Context(), file, deadletter.Filter{}) {
		require.NoError(t, err)
		require.Equal(t, "bank.Moved", l.Name)
		require.Empty(t, l.Group)
		require.Zero(t, l.Attempts)
		letters = append(letters, l)
	}
	require.Len(t, letters, 3)
	require.Equal(t, string(body(1, 200<<10)), string(letters[0].Body))
	require.Equal(t, "1", letters[0].Headers["ce-id"])
	require.Contains(t, letters[0].Errors[0], "maximum payload exceeded")
	require.Equal(t, "\x07torn", string(letters[1].Body))
	require.Contains(t, letters[1].Errors[0], "malformed")
	require.Contains(t, letters[2].Errors[0], `"elsewhere now"`)
	require.Equal(t, slog.LevelError, log.with("refuses an event from the outbox for good")[0].level)
}

// A trouble that has another reason than before is told at once, and a few such a minute.
func TestTroubleIsToldAgainForAnotherReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lines
		trouble := natsmediator.NewTrouble(0)
		for i := range 10 {
			trouble.Failed(log.logger(), "failing", fmt.Errorf("record %d: away", i))
		}
		require.Len(t, log.with("failing"), 1, "numbers make no other reason")
		for range 10 {
			trouble.Failed(log.logger(), "failing", errFull)
			trouble.Failed(log.logger(), "failing", errors.New("record 7: away"))
		}
		require.Len(t, log.with("failing"), 2)
		for i := range 100 {
			trouble.Failed(log.logger(), "failing", errors.New(strings.Repeat("x", i+1)))
		}
		require.Len(t, log.with("failing"), 8)
		time.Sleep(time.Minute)
		trouble.Failed(log.logger(), "failing", errFull)
		require.Len(t, log.with("failing"), 9)
	})
}
