package behaviors_test

import (
	"context"
	"encoding/json"
	"errors"
	"expvar"
	"io"
	"iter"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/stretchr/testify/require"
)

// faulty is a Source of someone else's that ends in one of the places where it is
// called, after a reading where that is possible.
type faulty struct {
	noop
	name, asked, read func()
}

func (f *faulty) BehaviorName() string {
	f.name()
	return "Faulty"
}

func (f *faulty) Readings() iter.Seq[behaviors.Reading] {
	f.asked()
	return func(yield func(behaviors.Reading) bool) {
		if yield(behaviors.Reading{Name: "first"}) {
			f.read()
		}
	}
}

func TestASourceThatPanicsCostsItsOwnReadingsAlone(t *testing.T) {
	fine := func() {}
	panics := func() { panic(io.EOF) }
	first := []behaviors.Reading{{Behavior: "faulty", Name: "first"}}
	for name, tc := range map[string]struct {
		source *faulty
		scope  string
		own    []behaviors.Reading
		want   error
	}{
		"asked for its name":  {&faulty{name: panics, asked: fine, read: fine}, "*behaviors_test.faulty", nil, io.EOF},
		"asked":               {&faulty{name: fine, asked: panics, read: fine}, "faulty", nil, io.EOF},
		"read":                {&faulty{name: fine, asked: fine, read: panics}, "faulty", first, io.EOF},
		"asked, and it exits": {&faulty{name: fine, asked: runtime.Goexit, read: fine}, "faulty", nil, mediator.ErrGoexit},
		"read, and it exits":  {&faulty{name: fine, asked: fine, read: runtime.Goexit}, "faulty", first, mediator.ErrGoexit},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := behaviors.NewRecorder()
			a, z := &figures{all: []behaviors.Reading{{Name: "a"}}}, &figures{all: []behaviors.Reading{{Name: "z"}}}
			recorder.Watch(a)
			recorder.Watch(tc.source)
			recorder.Watch(z)
			recorder.Watch(&faulty{name: fine, asked: panics, read: fine})
			for times := 1.0; times <= 2; times++ {
				s := recorder.Snapshot()
				want := []behaviors.Reading{{Behavior: "figures", Name: "a"}}
				want = append(append(want, tc.own...), behaviors.Reading{Behavior: "figures", Name: "z"},
					behaviors.Reading{Behavior: "recorder", Scope: tc.scope, Name: "faults", Value: times},
					behaviors.Reading{Behavior: "recorder", Scope: "faulty", Name: "faults", Value: times})
				require.Equal(t, want, s.Readings)
				require.Len(t, s.Faults, 2)
				require.ErrorContains(t, s.Faults[0], "the source "+tc.scope+": ")
				require.Equal(t, s.Faults, s.Sub(s).Faults)
				err := s.Faults[0]
				if p, ok := errors.AsType[*mediator.PanicError](err); ok {
					err = p.Value.(error)
				}
				require.ErrorIs(t, err, tc.want)
			}
			tc.source.name, tc.source.asked, tc.source.read = fine, fine, fine
			s := recorder.Snapshot()
			require.Len(t, s.Faults, 1)
			require.Contains(t, s.Readings, behaviors.Reading{Behavior: "recorder", Scope: tc.scope, Name: "faults", Value: 2}, "it was")
		})
	}
}

func TestExpvarShowsTheRestOfWhatCannotBeRead(t *testing.T) {
	const name = "a recorder with faults"
	recorder := behaviors.NewRecorder()
	m := newMediator(t, mediator.Use(recorder), askFor(func(context.Context) error { return nil }))
	_, err := mediator.Send(t.Context(), m, ask{})
	require.NoError(t, err)
	recorder.Watch(&faulty{name: func() {}, asked: func() { panic("no figures") }})
	recorder.Watch(&figures{all: []behaviors.Reading{{Name: "share", Value: math.NaN()}, {Name: "rate", Value: math.Inf(1)}, {Name: "hits", Value: 3}}})
	require.NoError(t, recorder.Publish(name))
	var got struct {
		Messages []struct{ Started int }
		Readings []behaviors.Reading
		Faults   []string
	}
	require.NoError(t, json.Unmarshal([]byte(expvar.Get(name).String()), &got))
	require.Equal(t, 1, got.Messages[0].Started)
	require.Equal(t, []behaviors.Reading{{Behavior: "figures", Name: "hits", Value: 3}, {Behavior: "recorder", Scope: "faulty", Name: "faults", Value: 1}}, got.Readings)
	require.Len(t, got.Faults, 1)
	require.Contains(t, got.Faults[0], "no figures")
}

// tagged is a Source whose type cannot be compared.
type tagged struct {
	noop
	tags []string
}

func (s tagged) Readings() iter.Seq[behaviors.Reading] {
	return slices.Values([]behaviors.Reading{{Name: "tags", Value: float64(len(s.tags))}})
}

func TestNewWarnsOfASourceThatIsCountedOnceAHandler(t *testing.T) {
	source := tagged{tags: []string{"a", "b"}}
	require.Empty(t, wired(t, nil, behaviors.NewRecorder(), source), "it stands around one handler")
	require.Empty(t, wired(t, []mediator.Behavior{behaviors.NewRecorder(), &source}), "the pointer can be compared")

	recorder := behaviors.NewRecorder()
	require.Equal(t, []string{"mediator: Recorder: the Source behaviors_test.tagged cannot be compared, so it is taken for another one " +
		"around each handler and its readings add up: implement it on a pointer (around shop.numbers)"},
		wired(t, []mediator.Behavior{recorder, behaviors.When(behaviors.IsNamed("shop.ask"), source)}))
	recorder.Watch(source)
	require.Len(t, recorder.Snapshot().Readings, 3)
}

// ouroboros stands for itself.
type ouroboros struct{ noop }

func (o *ouroboros) Unwrap() mediator.Behavior { return o }

func TestABehaviorThatStandsForItselfIsNotFollowedForEver(t *testing.T) {
	require.Empty(t, wired(t, []mediator.Behavior{&ouroboros{}, behaviors.NewRecorder(), behaviors.RateLimit(behaviors.NewLimiter(1, 1))}))
}
