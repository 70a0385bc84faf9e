package natsmediator_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/natsmediator"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

func init() {
	children["server"] = func(args []string) int { return failed(serveUntilKilled(args)) }
}

// serveUntilKilled is one server of a cluster: its directory, name, port, the
// cluster's port, and the cluster ports of all.
func serveUntilKilled(args []string) error {
	dir, name, port, cluster, all := args[0], args[1], args[2], args[3], args[4:]
	clusterPort, err := strconv.Atoi(cluster)
	if err != nil {
		return err
	}
	routes := make([]string, len(all))
	for i, p := range all {
		routes[i] = "nats://127.0.0.1:" + p
	}
	_, err = natsmediator.Embed(dir, natsmediator.Listen("127.0.0.1:"+port), natsmediator.ServerOptions(func(o *server.Options) {
		o.ServerName = name
		o.Cluster = server.ClusterOpts{Name: "shop", Host: "127.0.0.1", Port: clusterPort}
		o.Routes = server.RoutesFromStr(strings.Join(routes, ","))
	}))
	if err != nil {
		return err
	}
	fmt.Println("ready")
	_, err = os.Stdin.Read(make([]byte, 1)) // for ever, or until the parent ends
	return err
}

func freePorts(t testing.TB, n int) (ports []string) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer func() { require.NoError(t, l.Close()) }()
		_, port, err := net.SplitHostPort(l.Addr().String())
		require.NoError(t, err)
		ports = append(ports, port)
	}
	return ports
}

func TestClusterThatLosesItsLeaderLosesNoEvent(t *testing.T) {
	const servers = 3
	ports := freePorts(t, 2*servers)
	dir := t.TempDir()
	byName := map[string]*victim{}
	var urls []string
	start := func(i int) {
		name := fmt.Sprint("s", i)
		args := append([]string{filepath.Join(dir, name), name, ports[i], ports[servers+i]}, ports[servers:]...)
		byName[name] = startServer(t, args)
	}
	for i := range servers {
		urls = append(urls, "nats://127.0.0.1:"+ports[i])
		start(i)
	}
	for name, c := range byName {
		require.Equal(t, "ready", <-c.lines, name)
		t.Cleanup(func() { byName[name].kill(t) })
	}
	n, err := natsmediator.Connect(strings.Join(urls, ","), natsmediator.ClientOptions(nats.ReconnectWait(50*time.Millisecond)))
	require.NoError(t, err)
	closeLast(t, n.Close)

	var mu sync.Mutex
	times := map[int]int{}
	m := wired(t, natsmediator.Durable[moved](n, natsmediator.Replicas(3), natsmediator.Partitions(2), natsmediator.AckWait(2*time.Second), natsmediator.Attempts(100)),
		mediator.Subscribe(func(_ context.Context, e moved) error {
			mu.Lock()
			defer mu.Unlock()
			times[e.N]++
			return nil
		}, mediator.Group("ledger")))

	var stop atomic.Bool
	var acknowledged sync.Map
	var stored atomic.Int64
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := w; !stop.Load(); i += 4 {
				ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
				err := mediator.Publish(ctx, m, moved{Account: strconv.Itoa(w), N: i, ID: strconv.Itoa(i)})
				cancel()
				if err == nil { // what is not acknowledged may be lost
					acknowledged.Store(i, true)
					stored.Add(1)
				}
			}
		})
	}
	eventually(t, "events come in", func() bool { return stored.Load() > 100 })
	s, err := natsmediator.JetStream(n).Stream(t.Context(), movedStream)
	require.NoError(t, err)
	leader := s.CachedInfo().Cluster.Leader
	byName[leader].kill(t)
	at := stored.Load()
	eventually(t, "and again without the leader", func() bool { return stored.Load() > at+100 })
	start(int(leader[1] - '0'))
	require.Equal(t, "ready", <-byName[leader].lines)
	at = stored.Load()
	eventually(t, "and with it", func() bool { return stored.Load() > at+100 })
	stop.Store(true)
	wg.Wait()
	eventually(t, "every acknowledged event", func() bool {
		mu.Lock()
		defer mu.Unlock()
		missing := false
		acknowledged.Range(func(i, _ any) bool {
			missing = times[i.(int)] == 0
			return !missing
		})
		return !missing
	})
	t.Logf("%d events were acknowledged, the leader was %s", stored.Load(), leader)
}

// startServer keeps the child's input open as long as the test runs.
func startServer(t testing.TB, args []string) *victim {
	t.Helper()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return startChildWith(t, r, "server", args...)
}
