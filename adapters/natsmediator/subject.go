package natsmediator

import (
	"fmt"
	"strconv"
)

// Subject is the NATS subject that requests of a name go to: that of a major
// version of a service in a namespace.
//
// The visible characters of ASCII in the name stand for themselves. Written as
// %XX of their bytes are blanks, control characters, whatever is not ASCII, "*",
// ">", "%", and dots at an end or next to another: that can be undone, and keeps
// different names different. An empty name is a single "%".
func Subject(namespace, service, name string, major int) string {
	return subject(namespace, "req", service, name, major)
}

// StreamSubject is [Subject] for requests of a stream.
func StreamSubject(namespace, service, name string, major int) string {
	return subject(namespace, "str", service, name, major)
}

func subject(namespace, kind, service, name string, major int) string {
	return namespace + "." + kind + "." + service + "." + escapeToken(name) + ".v" + strconv.Itoa(major)
}

// cancelSubject is where callers that have given up say so, to all instances of a
// service.
func cancelSubject(namespace, service string) string { return namespace + ".cancel." + service }

func escapeToken(name string) string {
	if name == "" {
		return "%"
	}
	return escape(name, func(s string, i int) bool {
		switch c := s[i]; c {
		case '.':
			return i > 0 && i < len(s)-1 && s[i-1] != '.'
		case '%', '*', '>':
			return false
		default:
			return c > ' ' && c < 0x7f
		}
	})
}

// isToken tells whether s is made of letters, digits, dashes and underscores, as
// the names of NATS services are.
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_' {
			return false
		}
	}
	return s != ""
}

func checkToken(what, s string) {
	if !isToken(s) {
		panic(fmt.Sprintf("natsmediator: %s: the name %q has to be made of letters, digits, dashes and underscores", what, s))
	}
}
