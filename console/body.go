package console

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/fsmediator/mediator/deadletter"
)

const (
	maxShownBody = 256 << 10
	maxIndented  = 4 * maxShownBody
	indent       = "  "
)

// bodyOf makes the body readable.
func bodyOf(l deadletter.Letter) (text, is string, cut bool) {
	body := l.Body
	if len(body) == 0 {
		return "", "", false
	}
	kind, _, _ := mime.ParseMediaType(l.ContentType)
	if kind == "application/json" || strings.HasSuffix(kind, "+json") {
		var readable bytes.Buffer
		if len(body) <= maxShownBody && indentedSize(body) <= maxIndented && json.Indent(&readable, body, "", indent) == nil {
			return strings.ToValidUTF8(readable.String(), "\uFFFD"), "json", false
		}
	}
	valid := utf8.Valid(body)
	if cut = len(body) > maxShownBody; cut {
		body = body[:maxShownBody]
	}
	if valid {
		return strings.ToValidUTF8(string(body), ""), "text", cut
	}
	// A line of the dump is five times as long as the bytes it shows.
	if len(body) > maxShownBody/5 {
		body, cut = body[:maxShownBody/5], true
	}
	return hex.Dump(body), "hex", cut
}

// indentedSize is how long body is at most when it is indented: a few thousand
// brackets that stand in each other can make gigabytes of spaces.
func indentedSize(body []byte) int {
	size, depth := len(body), 0
	quoted := false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{', c == '[':
			depth++
			size += 1 + depth*len(indent)
		case c == '}', c == ']':
			depth = max(depth-1, 0)
			size += 1 + depth*len(indent)
		case c == ',':
			size += 1 + depth*len(indent)
		case c == ':':
			size++
		}
	}
	return size
}
