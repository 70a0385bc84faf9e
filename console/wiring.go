package console

import (
	"fmt"
	"maps"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/internal/unwrap"
)

// wiring is what the page is told about the routes.
type wiring struct {
	Routes   []routeView   `json:"routes"`
	Breakers []breakerView `json:"breakers"`
	Recorder bool          `json:"recorder"` // around all of the handlers, or given
	Monitor  bool          `json:"monitor"`

	problems []string // in finding all that
}

type routeView struct {
	Kind      string         `json:"kind"`
	Name      string         `json:"name"`
	Group     string         `json:"group,omitempty"`
	Handler   string         `json:"handler"`
	Message   string         `json:"message"`
	Gives     string         `json:"gives,omitempty"`
	Relay     bool           `json:"relay,omitempty"`
	Interface bool           `json:"interface,omitempty"`
	Recorded  bool           `json:"recorded"`
	Behaviors []behaviorView `json:"behaviors"`
}

type behaviorView struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// ID tells behaviors of the same name apart. It is "" for a function.
	ID string `json:"id,omitempty"`
	// Some tells that it stands around some of the calls only.
	Some bool `json:"some,omitempty"`
}

type breakerView struct {
	ID     string   `json:"id"`
	Routes []string `json:"routes"` // the names of the messages
}

// viewOf returns how the routes are shown. recorder is the one for all, or nil.
func viewOf(routes []mediator.Route, known *registry, c *config) wiring {
	v := wiring{Recorder: true, Monitor: c.monitor != nil}
	around := map[string]*breakerView{}
	for _, r := range routes {
		one := routeView{Kind: r.Kind.String(), Name: r.Name, Group: r.Group, Handler: r.Handler, Message: r.Message.String(),
			Relay: r.Relay, Interface: r.Message.Kind() == reflect.Interface, Recorded: recorderOf(r, c.recorder) != nil,
			Behaviors: make([]behaviorView, 0, len(r.Behaviors))}
		if r.Gives != nil && r.Gives != reflect.TypeFor[mediator.None]() {
			one.Gives = r.Gives.String()
		}
		for _, outer := range r.Behaviors {
			b := unwrap.Innermost(outer)
			id := known.id(b)
			name, problem := ownName(b)
			if problem != nil {
				name = typeName(b)
				v.problems = append(v.problems, fmt.Sprintf("the name of a behavior panicked, so its type is shown, %s: %v", name, problem))
			}
			one.Behaviors = append(one.Behaviors, behaviorView{Name: name, Type: reflect.TypeOf(b).String(), ID: id, Some: !same(b, outer)})
			if _, ok := b.(*behaviors.Breaker); ok {
				if around[id] == nil {
					around[id] = &breakerView{ID: id}
				}
				if !slices.Contains(around[id].Routes, r.Name) {
					around[id].Routes = append(around[id].Routes, r.Name)
				}
			}
		}
		v.Recorder = v.Recorder && one.Recorded
		v.Routes = append(v.Routes, one)
	}
	v.Monitor = v.Monitor || len(monitorsIn(routes)) > 0
	for _, id := range slices.SortedFunc(maps.Keys(around), byNumber) {
		v.Breakers = append(v.Breakers, *around[id])
	}
	return v
}

// recorderOf returns the Recorder for all, or else the outermost around the handler.
func recorderOf(r mediator.Route, forAll *behaviors.Recorder) *behaviors.Recorder {
	if forAll != nil {
		return forAll
	}
	return outermost[*behaviors.Recorder](r)
}

// outermost returns the first behavior of the type B.
func outermost[B mediator.Behavior](r mediator.Route) (found B) {
	for _, b := range r.Behaviors {
		if b, ok := unwrap.Innermost(b).(B); ok {
			return b
		}
	}
	return found
}

// nameOf is the behavior's own name, or its type's if it has none or panics.
func nameOf(b mediator.Behavior) string {
	name, problem := ownName(b)
	if problem != nil {
		return typeName(b)
	}
	return name
}

// ownName is the behavior's own name, that of the function it is, or its type's. A
// panic of the behavior is the problem.
func ownName(b mediator.Behavior) (name string, problem any) {
	if n, ok := b.(mediator.BehaviorNamer); ok {
		defer func() { problem = recover() }()
		return n.BehaviorName(), nil
	}
	v := reflect.ValueOf(b)
	if v.Kind() == reflect.Func && !v.IsNil() {
		name := runtime.FuncForPC(v.Pointer()).Name()
		return strings.TrimSuffix(name[strings.LastIndexByte(name, '/')+1:], "-fm"), nil
	}
	return typeName(b), nil
}

func typeName(b mediator.Behavior) string { return strings.TrimPrefix(fmt.Sprintf("%T", b), "*") }

// same is ==, and true where that would panic: of such types, none wraps another.
func same(a, b mediator.Behavior) bool {
	if reflect.TypeOf(a) != reflect.TypeOf(b) {
		return false
	}
	return !reflect.ValueOf(a).Comparable() || a == b
}

// registry gives the behaviors that are wired an ID, by which a page can name them.
// The zero registry is empty.
type registry struct {
	mu   sync.Mutex
	last int
	ids  map[mediator.Behavior]string
}

// id returns that of b, "" if b cannot be told from others.
func (g *registry) id(b mediator.Behavior) string {
	if !reflect.ValueOf(b).Comparable() {
		return ""
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	id, ok := g.ids[b]
	if !ok {
		if g.ids == nil {
			g.ids = map[mediator.Behavior]string{}
		}
		g.last++
		id = "b" + strconv.Itoa(g.last)
		g.ids[b] = id
	}
	return id
}

// keep forgets the behaviors that are not around a handler any more.
func (g *registry) keep(routes []mediator.Route) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.ids) == 0 {
		return
	}
	wired := map[mediator.Behavior]struct{}{}
	for _, r := range routes {
		for _, b := range r.Behaviors {
			if b = unwrap.Innermost(b); reflect.ValueOf(b).Comparable() {
				wired[b] = struct{}{}
			}
		}
	}
	for b := range g.ids {
		if _, ok := wired[b]; !ok {
			delete(g.ids, b)
		}
	}
}

// breaker returns the Breaker with the ID, nil if there is none.
func (g *registry) breaker(id string) *behaviors.Breaker {
	g.mu.Lock()
	defer g.mu.Unlock()
	for b, known := range g.ids {
		if known == id {
			breaker, _ := b.(*behaviors.Breaker)
			return breaker
		}
	}
	return nil
}

// byNumber orders IDs.
func byNumber(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}
