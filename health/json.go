package health

import "encoding/json"

// MarshalJSON gives the figures, with the error as its text.
func (s Stream) MarshalJSON() ([]byte, error) {
	type plain Stream
	return json.Marshal(struct {
		plain
		Error string `json:"error,omitempty"`
	}{plain(s), textOf(s.Err)})
}

// MarshalJSON gives the figures, with the kind as its name.
func (t Totals) MarshalJSON() ([]byte, error) {
	type plain Totals
	kind := ""
	if t.Kind != 0 {
		kind = t.Kind.String()
	}
	return json.Marshal(struct {
		plain
		Kind string `json:"kind,omitempty"`
	}{plain(t), kind})
}

// MarshalJSON gives the component, with the error as its text.
func (c Component) MarshalJSON() ([]byte, error) {
	type plain Component
	return json.Marshal(struct {
		plain
		Error string `json:"error,omitempty"`
	}{plain(c), textOf(c.Err)})
}

func textOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
