package main_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator/adapters/natsmediator"
	distributed "github.com/fsmediator/mediator/examples/distributed"
	"github.com/fsmediator/mediator/examples/orders/sample"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var services = []string{"inventory", "notification", "order", "payment"}

const (
	goodOrder  = `{"customer":"Ada","email":"ada@example.com","sku":"CUP-BLUE","qty":2,"unit_cents":1250,"card":"visa-4242"}` + "\n"
	stuckOrder = `{"customer":"Bob","email":"bob@example.com","sku":"CUP-BLUE","qty":3,"unit_cents":1250,"card":"visa-0119"}` + "\n"
)

func pieces(stock map[string]int64) (n int64) {
	for _, left := range stock {
		n += left
	}
	return n
}

// Each service is killed once in the middle of the orders; what came of them is what
// comes of them in one process that nothing happens to. Another run goes on with the
// same shop.
func TestKillsOfAllServicesLoseNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const n = 400
	first := good(t, "", "-n", "400", "-dir", dir, "-kill", "order,inventory,payment,notification")
	require.EqualValues(t, n, first.Placed)
	require.Zero(t, first.PlacedBefore)
	require.Zero(t, first.DeadLetters)
	require.Equal(t, []string{"order", "inventory", "payment", "notification"}, first.Killed)
	require.Equal(t, services, slices.Sorted(maps.Keys(first.Restarts)))
	require.Equal(t, pieces(sample.GeneratedStock(n)), first.pieces())

	second := good(t, "", "-dir", dir, "-kill", "payment")
	require.EqualValues(t, n, second.PlacedBefore)
	require.Equal(t, first.Completed+333, second.Completed, "what the sample comes to")
	require.Equal(t, first.Compensated+72, second.Compensated)
	require.EqualValues(t, 11, second.SkippedLines)
	require.Equal(t, first.pieces()+pieces(sample.Stock()), second.pieces())

	third := good(t, "", "-dir", dir, "-in", "-")
	require.Equal(t, second.RevenueCents, third.RevenueCents, "the services read it all from their ledgers")
	require.Equal(t, second.ByReason, third.ByReason)
	require.Equal(t, second.sold(), third.sold())
	require.Equal(t, second.Placed, third.Placed)
}

func TestDeadLetters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, input := range []string{goodOrder + stuckOrder, ""} {
		s := good(t, input, "-in", "-", "-dir", dir)
		require.EqualValues(t, 2, s.Placed)
		require.EqualValues(t, 1, s.Completed)
		require.EqualValues(t, 1, s.DeadLettered, "also when the next run looks")
		require.EqualValues(t, 1, s.DeadLetters)
	}
}

// Nothing stays on a server of others of a shop that was there for one run.
func TestServerThatIsThere(t *testing.T) {
	t.Parallel()
	n, err := natsmediator.Embed(t.TempDir(), natsmediator.Listen("127.0.0.1:0"))
	require.NoError(t, err)
	defer func() { require.NoError(t, n.Close(t.Context())) }()
	nc, err := nats.Connect(n.URL())
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	streams := func() (names []string) {
		for name := range js.StreamNames(t.Context()).Name() {
			names = append(names, name)
		}
		return names
	}
	s := good(t, goodOrder+goodOrder, "-in", "-", "-url", n.URL(), "-kill", "inventory")
	require.EqualValues(t, 2, s.Completed)
	require.Contains(t, s.Server, n.URL())
	require.Empty(t, streams())

	require.EqualValues(t, 1, good(t, goodOrder, "-in", "-", "-url", n.URL(), "-dir", t.TempDir()).Completed)
	require.NotEmpty(t, streams(), "of a shop that is to go on")
}

func TestText(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := run(t, goodOrder+"x\n", "-in", "-")
	require.Zero(t, code, stderr)
	require.Regexp(t, `placed +1  = completed \+ compensated \+ dead-lettered\n`, stdout)
	require.Regexp(t, `completed +1\n`, stdout)
	require.Regexp(t, `revenue +25.00\n`, stdout)
	require.Contains(t, stderr, "distributed: skipped line 2: ")
	for _, name := range services {
		require.Contains(t, stderr, "distributed: service "+name+" runs in process ")
	}
}

func TestHelp(t *testing.T) {
	code, stdout, stderr := run(t, "", "-h")
	require.Zero(t, code)
	require.Empty(t, stderr)
	require.Contains(t, stdout, "Usage: distributed [flags]")
	require.NotContains(t, stdout, "%!")
}

func TestBadFlags(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, []byte("Dear diary,\n"), 0o600))
	strange := filepath.Join(dir, "strange")
	require.NoError(t, os.Mkdir(strange, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(strange, "namespace"), []byte("*\n"), 0o600))
	inUse := filepath.Join(dir, "used")
	n, err := natsmediator.Embed(filepath.Join(inUse, "nats"))
	require.NoError(t, err)
	defer func() { require.NoError(t, n.Close(t.Context())) }()
	for want, args := range map[string][]string{
		"flag provided but not defined: -x":      {"-x"},
		"-n 0: must be 1 to":                     {"-n", "0"},
		"-in and -n exclude each other":          {"-n", "5", "-in", "-"},
		`-in needs the name of a file, or "-"`:   {"-in", ""},
		"-in " + dir + ": it is a directory":     {"-in", dir},
		"-url needs the address":                 {"-url", ""},
		"-dir needs the name":                    {"-dir", ""},
		"-dir: mkdir " + file:                    {"-dir", file},
		"is no name of a shop":                   {"-dir", strange},
		"the directory is in use":                {"-dir", inUse},
		"-replicas 2: must be 1, 3 or 5":         {"-url", "nats://127.0.0.1:1", "-replicas", "2"},
		"-replicas is about":                     {"-replicas", "3"},
		`-kill "stock": the services are order,`: {"-kill", "stock"},
		`-kill "": the services are order,`:      {"-kill", ""},
		`unexpected argument "orders.csv"`:       {"orders.csv"},
		"connect to nats://127.0.0.1:1: nats":    {"-url", "nats://127.0.0.1:1"},
		filepath.Join(dir, "none") + ": no such": {"-in", filepath.Join(dir, "none")},
	} {
		code, stdout, stderr := run(t, "", args...)
		require.Equal(t, 2, code, "%v: %s", args, stderr)
		require.Empty(t, stdout, "%v", args)
		require.Contains(t, stderr, want, "%v", args)
		require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %q", stderr)
		require.True(t, strings.HasPrefix(stderr, "distributed: "), stderr)
	}
}

func TestBadInput(t *testing.T) {
	t.Parallel()
	code, stdout, stderr := run(t, "Dear diary,\n", "-in", "-", "-json")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "distributed: standard input: line 1: not the header of a CSV file")
	s := decode(t, stdout)
	s.addsUp(t)
	require.Zero(t, s.Placed)
}

func TestPasswordsAreHidden(t *testing.T) {
	const urls = "nats://eve:secret@a:4222,nats://b:4222"
	require.Equal(t, "connect to nats://eve:xxxxx@a:4222,nats://b:4222: no", distributed.Hide(urls, "connect to "+urls+": no"))
}
