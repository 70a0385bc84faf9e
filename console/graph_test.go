package console_test

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/behaviors"
	"github.com/fsmediator/mediator/console"
)

func relayTold(context.Context, told) error { return nil }

func TestGraph(t *testing.T) {
	m := newMediator(t,
		mediator.Use(behaviors.Recover()),
		mediator.Handle(handleAsk, mediator.Use(behaviors.Validate())),
		mediator.HandleCommand(handleDo, mediator.Use(behaviors.When(behaviors.IsKind(mediator.KindRequest), behaviors.Validate()))),
		mediator.HandleStream(handleCount),
		mediator.Relay(relayTold),
		mediator.Subscribe(hear, mediator.Group("mail")),
		mediator.Subscribe(func(context.Context, loud) error { return nil }, mediator.Group("audit")),
	)
	require.Equal(t, strings.TrimLeft(`
flowchart LR
    m0(["console_test.ask<br/>request for int"])
    p0["Recover → Validate"]
    h0[["console_test.handleAsk"]]
    m1(["console_test.do<br/>command"])
    p1["Recover → Validate?"]
    h1[["console_test.handleDo"]]
    m2(["console_test.loud<br/>interface"])
    p2["Recover"]
    h2[["console_test.TestGraph.func1<br/>group audit"]]
    m3(["console_test.told<br/>notification"])
    p3["Recover"]
    h3[["console_test.relayTold<br/>relay"]]
    p4["Recover"]
    h4[["console_test.hear<br/>group mail"]]
    m5(["console_test.count<br/>stream of int"])
    p5["Recover"]
    h5[["console_test.handleCount"]]
    m0 --> p0
    p0 --> h0
    m1 --> p1
    p1 --> h1
    m2 --> p2
    p2 --> h2
    m3 --> p3
    p3 --> h3
    h3 -.->|DispatchTo| p4
    p4 --> h4
    m5 --> p5
    p5 --> h5
    m3 -.->|is| m2
`, "\n"), console.Graph(m).Mermaid())

	dot := console.Graph(m).DOT()
	require.True(t, strings.HasPrefix(dot, "digraph mediator {\n"))
	require.True(t, strings.HasSuffix(dot, "}\n"))
	require.Contains(t, dot, `	m0 [label="console_test.ask\nrequest for int", shape=box, style=rounded]`)
	require.Contains(t, dot, `	h3 -> p4 [label="DispatchTo", style=dashed]`)
	require.Contains(t, dot, "\tm0 -> p0\n")
	for _, target := range []string{"/graph.mmd", "/graph.dot"} {
		w := get(t, console.Handler(m), target)
		require.Equal(t, "text/plain; charset=utf-8", w.Header().Get("Content-Type"))
		require.Contains(t, w.Body.String(), "handleAsk")
	}
}

// hostile is a name that means something in HTML, in Mermaid and in DOT.
const hostile = "<script>\"a\"]); b --> c\\\nend `x` #quot; &lt; \\N {y} | ü"

func TestNamesInAGraphAreEscaped(t *testing.T) {
	d := console.Graph(newMediator(t, mediator.Handle(handleAsk, mediator.Named(hostile))))

	mermaid := d.Mermaid()
	lines := strings.Split(strings.TrimSpace(mermaid), "\n")
	require.Len(t, lines, 4, "the header, two nodes, an edge: no line of the name's own")
	require.Equal(t, "    m0 --> h0", lines[3])
	name := lines[1]
	require.Equal(t, 2, strings.Count(name, `"`))
	require.Equal(t, 1, strings.Count(name, "<"), "that of <br/>")
	require.NotContains(t, name, "`")
	codes := regexp.MustCompile(`#\d+;`)
	require.NotContains(t, codes.ReplaceAllString(name, ""), "#")
	require.Contains(t, name, "#60;script#62;#34;a#34;")
	require.Contains(t, name, "ü", "a letter is no danger")

	dot := strings.Split(strings.TrimSpace(d.DOT()), "\n")
	require.Len(t, dot, 8)
	label := dot[4]
	unescaped := regexp.MustCompile(`\\[\\"]`).ReplaceAllString(label, "")
	require.Equal(t, 2, strings.Count(unescaped, `"`), label)
	require.Equal(t, `\n`, strings.Join(regexp.MustCompile(`\\.`).FindAllString(unescaped, -1), " "), "the line break between the two lines alone")
	require.Contains(t, label, "&amp;lt;")
}

func FuzzGraph(f *testing.F) {
	f.Add("orders.Place")
	f.Add(hostile)
	f.Add("\x00\xff\u2028--> x")
	f.Fuzz(func(t *testing.T, name string) {
		m, err := mediator.New(mediator.Handle(handleAsk, mediator.Named(name)))
		if err != nil {
			return // no name for a message
		}
		d := console.Graph(m)
		mermaid := d.Mermaid()
		require.Equal(t, 4, strings.Count(mermaid, "\n"))
		require.Equal(t, 4, strings.Count(mermaid, `"`))
		dot := d.DOT()
		require.Equal(t, 8, strings.Count(dot, "\n"))
		require.Zero(t, strings.Count(regexp.MustCompile(`\\.`).ReplaceAllString(dot, ""), `"`)%2)
		require.NoError(t, m.Close(t.Context()))
	})
}
