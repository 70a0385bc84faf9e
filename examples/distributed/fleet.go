package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"sync"
	"time"

	"github.com/fsmediator/mediator/examples/internal/printing"
)

const (
	startTime    = 60 * time.Second       // a process has to be ready
	rest         = 300 * time.Millisecond // between the end of a process and the next
	mostFailures = 5                      // starts in a row of which none gets ready
	stopTime     = 3*drainTime + 5*time.Second
)

// fleet is the processes of the services. It starts each again that ends, until
// stop.
type fleet struct {
	command func(service string) *exec.Cmd
	about   assignment
	log     *console
	fail    func(error) // is called if a service cannot be kept up

	stopping chan struct{}
	keepers  sync.WaitGroup
	starting sync.Mutex // held by the one service that is just starting

	mu       sync.Mutex
	stopped  bool
	running  map[string]*process
	restarts map[string]int
	errs     []error // of processes that did not end as they were told
}

type process struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

// startFleet returns when all services are ready. If one does not get so, the others
// are stopped, and it returns an error.
func startFleet(about assignment, command func(string) *exec.Cmd, log *console, fail func(error)) (*fleet, error) {
	f := &fleet{command: command, about: about, log: log, fail: fail, stopping: make(chan struct{}),
		running: map[string]*process{}, restarts: map[string]int{}}
	started := make(chan error, len(services))
	for _, name := range services {
		f.keepers.Go(func() { f.keep(name, started) })
	}
	var err error
	for range services {
		if one := <-started; err == nil {
			err = one
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.stop())
	}
	return f, nil
}

// keep has one service run until stop.
func (f *fleet) keep(name string, started chan<- error) {
	for failures := 0; failures < mostFailures; {
		p, err := f.start(name)
		if err == nil {
			failures = 0
			if started != nil {
				started <- nil
				started = nil
			}
			err = p.wait()
		} else {
			failures++
		}
		if f.over(name, p, err) {
			return
		}
		if started != nil {
			started <- fmt.Errorf("service %s: %w", name, err)
			return
		}
		if failures == mostFailures {
			f.fail(fmt.Errorf("service %s does not start: %w", name, err))
			return
		}
		f.log.printf("service %s ended (%s): starting it again", name, endOf(err))
		select {
		case <-time.After(rest):
		case <-f.stopping:
		}
	}
}

func endOf(err error) string {
	if err == nil {
		return "without an error"
	}
	return printing.OneLine(err)
}

var errStopping = errors.New("interrupted")

// start returns when the process is ready. One that does not get so has ended. They
// start one after the other: each sets up the streams that all have in common, while
// nobody else makes a consumer of them.
func (f *fleet) start(name string) (*process, error) {
	f.starting.Lock()
	defer f.starting.Unlock()
	cmd := f.command(name)
	cmd.Stderr = f.log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, stdin: stdin}
	if err := f.launch(name, p); err != nil {
		return nil, err
	}
	late := time.AfterFunc(startTime, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	err = json.NewEncoder(stdin).Encode(f.about)
	if err == nil {
		var said string
		if said, err = bufio.NewReader(stdout).ReadString('\n'); err == nil && said != ready {
			err = fmt.Errorf("it said %q", said)
		}
	}
	if err != nil {
		_ = cmd.Process.Kill() // if it has not ended by itself
		return nil, fmt.Errorf("not ready: %w", errors.Join(p.wait(), ignoreEOF(err)))
	}
	f.log.printf("service %s runs in process %d", name, cmd.Process.Pid)
	return p, nil
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// launch starts the process, unless the fleet is stopping.
func (f *fleet) launch(name string, p *process) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stopped {
		return errStopping
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	f.running[name] = p
	return nil
}

func (p *process) wait() error {
	err := p.cmd.Wait()
	_ = p.stdin.Close() // it has no reader any more
	return err
}

// over notes the end of a process, and tells whether it is the last of its service.
func (f *fleet) over(name string, p *process, err error) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.running, name)
	if !f.stopped {
		f.restarts[name]++
		return false
	}
	if p != nil && err != nil {
		f.errs = append(f.errs, fmt.Errorf("service %s: %w", name, err))
	}
	return true
}

// kill ends the process of a service as kill -9 does.
func (f *fleet) kill(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, ok := f.running[name]
	if !ok {
		return fmt.Errorf("service %s does not run just now", name)
	}
	f.log.printf("killing service %s, process %d", name, p.cmd.Process.Pid)
	return p.cmd.Process.Kill()
}

// restarted tells how often a service was started again.
func (f *fleet) restarted() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.restarts)
}

// stop has all services finish what they have begun, and returns when no process is
// left. One that takes too long is killed.
func (f *fleet) stop() error {
	f.mu.Lock()
	f.stopped = true
	var last []*process
	for _, p := range f.running {
		last = append(last, p)
		_, err := io.WriteString(p.stdin, stop)
		_ = errors.Join(err, p.stdin.Close()) // it may have ended
	}
	f.mu.Unlock()
	close(f.stopping)
	late := time.AfterFunc(stopTime, func() {
		for _, p := range last {
			_ = p.cmd.Process.Kill()
		}
	})
	defer late.Stop()
	f.keepers.Wait()
	return errors.Join(f.errs...)
}
