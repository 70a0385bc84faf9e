package natsmediator

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// pullExpiry is how long one request for messages waits for them.
	pullExpiry = 11 * time.Second
	// pullHeartbeat is how often the server says meanwhile that it is there: after
	// two that are missing, as after a reconnect, another request is made.
	pullHeartbeat = time.Second
	// pullDrain is how long what is on its way is waited for at the end.
	pullDrain = 2 * time.Second
)

// puller asks for the messages of a consumer, with one request at a time. It is for one
// goroutine. That of package jetstream drops what is on its way when it is stopped, and
// nobody would get it before AckWait is over; this one hands it over.
type puller struct {
	nc      *nats.Conn
	api     string // the subject of requests
	inbox   string // what begins the subjects of their answers
	sub     *nats.Subscription
	msgs    chan *nats.Msg
	gone    chan struct{} // closed when nothing comes any more
	request uint64        // how many there were
	reply   string        // of the last one
	open    int           // how many messages it may still bring
}

// newPuller returns one that asks for at most so many messages at once.
func newPuller(nc *nats.Conn, stream, consumer string, most int) (*puller, error) {
	p := &puller{
		nc: nc, api: "$JS.API.CONSUMER.MSG.NEXT." + stream + "." + consumer, inbox: nc.NewInbox() + ".",
		// Signs of life of a request may come while nobody looks.
		msgs: make(chan *nats.Msg, most+4*int(pullExpiry/pullHeartbeat)), gone: make(chan struct{}),
	}
	var err error
	if p.sub, err = nc.ChanSubscribe(p.inbox+"*", p.msgs); err != nil {
		return nil, err
	}
	// The client says so twice of what is unsubscribed while it is drained.
	gone := sync.OnceFunc(func() { close(p.gone) })
	p.sub.SetClosedHandler(func(string) { gone() })
	return p, nil
}

// ask requests n messages unless a request is open. Without a connection the client would
// keep the request until there is one, when nobody waits for its answers any more.
func (p *puller) ask(n int) error {
	if p.open > 0 {
		return nil
	}
	if !p.nc.IsConnected() {
		return nats.ErrDisconnected
	}
	data, err := json.Marshal(struct {
		Expires   time.Duration `json:"expires"`
		Batch     int           `json:"batch"`
		Heartbeat time.Duration `json:"idle_heartbeat"`
	}{pullExpiry, n, pullHeartbeat})
	if err != nil {
		return err
	}
	p.request++
	p.reply = p.inbox + strconv.FormatUint(p.request, 10)
	if err := p.nc.PublishRequest(p.api, p.reply, data); err != nil {
		return err
	}
	p.open = n
	return nil
}

// take says what msg is. It is nil if it is no message of the consumer's, but about a
// request; over tells that the request has come to its end.
func (p *puller) take(msg *nats.Msg) (m *message, over bool, err error) {
	if !p.isStatus(msg) {
		p.open = max(p.open-1, 0)
		return &message{nc: p.nc, msg: msg}, false, nil
	}
	status := msg.Header.Get("Status")
	if msg.Subject != p.reply || status == "100" { // of a request before, or a sign of life
		return nil, false, nil
	}
	p.open = 0
	return nil, true, endError(status, msg.Header.Get("Description"))
}

// isStatus tells what is about a request from the messages themselves, which have the
// subject that they are stored with.
func (p *puller) isStatus(msg *nats.Msg) bool { return strings.HasPrefix(msg.Subject, p.inbox) }

// endError is why a request has ended, nil if its time was over.
func endError(status, description string) error {
	switch lower := strings.ToLower(description); {
	case status == "404", status == "408", status == "409" && strings.Contains(lower, "batch completed"):
		return nil
	case status == "503":
		return nats.ErrNoResponders
	case status == "409" && strings.Contains(lower, "consumer deleted"):
		return jetstream.ErrConsumerDeleted
	}
	return fmt.Errorf("the server ended the request: %s %s", clip(status, 100), clip(description, 1<<10))
}

// end has the server send nothing more, and give called with what it sent before it
// knew. What a lost connection takes along is delivered again after AckWait.
func (p *puller) end(give func(*message)) {
	hand := func(msg *nats.Msg) {
		if !p.isStatus(msg) {
			give(&message{nc: p.nc, msg: msg})
		}
	}
	defer func() {
		for {
			select {
			case msg := <-p.msgs:
				hand(msg)
			default:
				return
			}
		}
	}()
	if !p.nc.IsConnected() || p.sub.Drain() != nil {
		_ = p.sub.Unsubscribe() // it fails if there is none any more
		return
	}
	limit := time.NewTimer(pullDrain)
	defer limit.Stop()
	for {
		select {
		case msg := <-p.msgs:
			hand(msg)
		case <-p.gone:
			return
		case <-limit.C:
			_ = p.sub.Unsubscribe()
			return
		}
	}
}

// message is one delivery of a consumer's. The server is told once what became of it.
type message struct {
	nc      *nats.Conn
	msg     *nats.Msg
	settled atomic.Bool
	dropped atomic.Bool
}

func (m *message) Subject() string                      { return m.msg.Subject }
func (m *message) Headers() nats.Header                 { return m.msg.Header }
func (m *message) Data() []byte                         { return m.msg.Data }
func (m *message) Metadata() (*nats.MsgMetadata, error) { return m.msg.Metadata() }
func (m *message) Ack() error                           { return m.settle("+ACK") }
func (m *message) Nak() error                           { return m.settle("-NAK") }
func (m *message) TermWithReason(reason string) error   { return m.settle("+TERM " + reason) }
func (m *message) NakWithDelay(wait time.Duration) error {
	return m.settle(fmt.Sprintf(`-NAK {"delay": %d}`, wait.Nanoseconds()))
}

// InProgress does nothing once it is settled.
func (m *message) InProgress() error {
	if m.settled.Load() {
		return nil
	}
	return m.nc.Publish(m.msg.Reply, []byte("+WPI"))
}

var errSettled = errors.New("it is settled already")

// drop has the server told nothing more of it.
func (m *message) drop() {
	m.dropped.Store(true)
	m.settled.Store(true)
}

func (m *message) settle(verdict string) error {
	if !m.settled.CompareAndSwap(false, true) {
		if m.dropped.Load() {
			return nil
		}
		return errSettled
	}
	err := m.nc.Publish(m.msg.Reply, []byte(verdict))
	if err != nil {
		m.settled.Store(false)
	}
	return err
}
