package main

import (
	"context"
	"errors"
	"expvar"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/adapters/prommediator"
	page "github.com/fsmediator/mediator/console"
	"github.com/fsmediator/mediator/deadletter"
)

// site is a server that shows the shop at work.
type site struct {
	server *http.Server
	served chan error
}

// headerLimit is how long a client may take to ask.
const headerLimit = 10 * time.Second

// answerLimit is how long requests that have begun may take once the shop closes.
const answerLimit = 10 * time.Second

// openSite serves at the address until close, which belongs into the closing of m: pages
// that are open end when that begins. The nil site is none.
func openSite(address string, m *mediator.Mediator, r *resilience, log *console) (*site, error) {
	mux := http.NewServeMux()
	mux.Handle("/{$}", http.RedirectHandler("/console/", http.StatusFound))
	mux.Handle("/console/", http.StripPrefix("/console", page.Handler(m,
		page.DeadLetters(r.store, deadletter.Context(mendOrder)),
		page.Authorize(fromHere),
	)))
	for _, path := range []string{"/livez", "/readyz", "/healthz"} {
		mux.Handle(path, r.monitor.Handler())
	}
	figures := prometheus.NewRegistry()
	if err := figures.Register(prommediator.NewCollector(r.recorder)); err != nil {
		return nil, err
	}
	mux.Handle("/metrics", promhttp.HandlerFor(figures, promhttp.HandlerOpts{}))
	if err := r.recorder.Publish("orders"); err != nil {
		return nil, err
	}
	mux.Handle("/debug/vars", expvar.Handler())

	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("-http %s: %w", address, err)
	}
	s := &site{server: &http.Server{Handler: mux, ReadHeaderTimeout: headerLimit}, served: make(chan error, 1)}
	go func() { s.served <- s.server.Serve(listener) }()
	log.print(fmt.Sprintf("the console is at http://%s/console/", reachable(listener.Addr())))
	return s, nil
}

// reachable is the address as a browser on this machine wants it.
func reachable(a net.Addr) string {
	if tcp, ok := a.(*net.TCPAddr); ok && tcp.IP.IsUnspecified() {
		return fmt.Sprintf("localhost:%d", tcp.Port)
	}
	return a.String()
}

// close ends the site. Requests that have begun are answered, and are cancelled only
// if they take too long.
func (s *site) close(ctx context.Context) error {
	if s == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	err := s.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.server.Close())
	}
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// mendOrder is restoreOrder for what somebody has redriven after a look at it.
func mendOrder(ctx context.Context, l deadletter.Letter) context.Context {
	return mended(restoreOrder(ctx, l))
}

// fromHere lets who sits at this machine do what loses no order.
func fromHere(r *http.Request, a page.Action) error {
	if a.Op == page.Delete {
		return errors.New("its order would never end: redrive it instead")
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%s is another machine", host)
	}
	// A page from elsewhere whose name was made to lead here comes from this machine, too.
	if name := nameOf(r.Host); name != "localhost" && !net.ParseIP(name).IsLoopback() {
		return fmt.Errorf("%q is no name of this machine", name)
	}
	return nil
}

// nameOf is a host without its port.
func nameOf(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}
