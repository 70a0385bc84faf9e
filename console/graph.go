package console

import (
	"fmt"
	"reflect"
	"strings"
	"unicode"

	"github.com/fsmediator/mediator"
	"github.com/fsmediator/mediator/internal/unwrap"
)

// Diagram is the wiring of a mediator at one moment, to be drawn. It does not change.
type Diagram struct {
	nodes []node
	edges []edge
}

type node struct {
	id    string
	shape shape
	lines []string
}

type shape uint8

const (
	message shape = iota
	pipeline
	handler
)

type edge struct {
	from, to string
	label    string
	dashed   bool
}

// Graph returns the wiring of m: from each message to its handler or its subscribers,
// through the behaviors around them, the outermost first; one that stands around some
// of the calls only has a question mark. A dashed line leads from a
// notification to the interfaces that subscribers receive it by, and from a
// [mediator.Relay] to the subscribers in whose place it stands. It panics if m is nil.
func Graph(m *mediator.Mediator) Diagram {
	must(m != nil, "Graph: the Mediator is nil")
	var d Diagram
	routes := m.Inspect()
	messages := map[reflect.Type]string{}
	relays := map[reflect.Type]string{}
	for i, r := range routes {
		if _, ok := messages[r.Message]; !ok {
			messages[r.Message] = fmt.Sprintf("m%d", i)
			d.nodes = append(d.nodes, node{messages[r.Message], message, messageLines(r)})
		}
		from, dashed, label := messages[r.Message], false, ""
		if relay, ok := relays[r.Message]; ok && !r.Relay && r.Kind == mediator.KindNotification {
			from, dashed, label = relay, true, "DispatchTo"
		}
		if len(r.Behaviors) > 0 {
			through := fmt.Sprintf("p%d", i)
			d.nodes = append(d.nodes, node{through, pipeline, []string{pipelineOf(r)}})
			d.edges = append(d.edges, edge{from, through, label, dashed})
			from, dashed, label = through, false, ""
		}
		to := fmt.Sprintf("h%d", i)
		d.nodes = append(d.nodes, node{to, handler, handlerLines(r)})
		d.edges = append(d.edges, edge{from, to, label, dashed})
		if r.Relay {
			relays[r.Message] = to
		}
	}
	d.implements(routes, messages)
	return d
}

// implements draws which notifications go to which interfaces.
func (d *Diagram) implements(routes []mediator.Route, messages map[reflect.Type]string) {
	drawn := map[edge]bool{}
	for _, r := range routes {
		for _, to := range routes {
			if r.Kind != mediator.KindNotification || to.Kind != mediator.KindNotification ||
				r.Message.Kind() == reflect.Interface || to.Message.Kind() != reflect.Interface || !r.Message.Implements(to.Message) {
				continue
			}
			e := edge{messages[r.Message], messages[to.Message], "is", true}
			if !drawn[e] {
				drawn[e] = true
				d.edges = append(d.edges, e)
			}
		}
	}
}

func messageLines(r mediator.Route) []string {
	what := r.Kind.String()
	switch {
	case r.Kind == mediator.KindStream:
		what += " of " + r.Gives.String()
	case r.Gives != nil && r.Gives != reflect.TypeFor[mediator.None]():
		what += " for " + r.Gives.String()
	case r.Kind == mediator.KindRequest:
		what = "command"
	case r.Message.Kind() == reflect.Interface:
		what = "interface"
	}
	return []string{r.Name, what}
}

func pipelineOf(r mediator.Route) string {
	names := make([]string, len(r.Behaviors))
	for i, b := range r.Behaviors {
		names[i] = nameOf(unwrap.Innermost(b))
		if !same(b, unwrap.Innermost(b)) {
			names[i] += "?"
		}
	}
	return strings.Join(names, " → ")
}

func handlerLines(r mediator.Route) []string {
	switch {
	case r.Relay:
		return []string{r.Handler, "relay"}
	case r.Group != "" && r.Group != r.Handler:
		return []string{r.Handler, "group " + r.Group}
	}
	return []string{r.Handler}
}

// Mermaid returns a flowchart in the language of Mermaid (mermaid.js.org), which many
// sites draw in Markdown.
func (d Diagram) Mermaid() string {
	var b strings.Builder
	b.WriteString("flowchart LR\n")
	for _, n := range d.nodes {
		opening, closing := "[", "]"
		switch n.shape {
		case message:
			opening, closing = "([", "])"
		case handler:
			opening, closing = "[[", "]]"
		}
		lines := make([]string, len(n.lines))
		for i, line := range n.lines {
			lines[i] = inMermaid(line)
		}
		fmt.Fprintf(&b, "    %s%s\"%s\"%s\n", n.id, opening, strings.Join(lines, "<br/>"), closing)
	}
	for _, e := range d.edges {
		arrow := "-->"
		if e.dashed {
			arrow = "-.->"
		}
		if e.label != "" {
			arrow += "|" + e.label + "|"
		}
		fmt.Fprintf(&b, "    %s %s %s\n", e.from, arrow, e.to)
	}
	return b.String()
}

// inMermaid escapes a text by the character codes of Mermaid: whatever might mean
// something there, or in the HTML that it makes.
func inMermaid(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), strings.ContainsRune(" ._-/:,?→()*", r):
			b.WriteRune(r)
		case unicode.IsControl(r):
			b.WriteByte(' ')
		default:
			fmt.Fprintf(&b, "#%d;", r)
		}
	}
	return b.String()
}

// DOT returns a directed graph in the language of Graphviz (graphviz.org).
func (d Diagram) DOT() string {
	var b strings.Builder
	b.WriteString("digraph mediator {\n\trankdir=LR\n\tnode [fontname=\"sans-serif\"]\n\tedge [headport=w, tailport=e]\n")
	for _, n := range d.nodes {
		look := "shape=box"
		switch n.shape {
		case message:
			look = "shape=box, style=rounded"
		case pipeline:
			look = "shape=plain"
		}
		lines := make([]string, len(n.lines))
		for i, line := range n.lines {
			lines[i] = inDOT(line)
		}
		fmt.Fprintf(&b, "\t%s [label=\"%s\", %s]\n", n.id, strings.Join(lines, `\n`), look)
	}
	for _, e := range d.edges {
		var looks []string
		if e.label != "" {
			looks = append(looks, fmt.Sprintf("label=%q", e.label))
		}
		if e.dashed {
			looks = append(looks, "style=dashed")
		}
		fmt.Fprintf(&b, "\t%s -> %s", e.from, e.to)
		if len(looks) > 0 {
			fmt.Fprintf(&b, " [%s]", strings.Join(looks, ", "))
		}
		b.WriteByte('\n')
	}
	b.WriteString("}\n")
	return b.String()
}

// inDOT escapes a text for a quoted label. What Graphviz replaces in labels begins
// with a backslash, or is an HTML entity.
func inDOT(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '&':
			b.WriteString("&amp;")
		case unicode.IsControl(r):
			b.WriteByte(' ')
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
