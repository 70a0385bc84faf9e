// Package dashboard makes the Grafana dashboard of prommediator.
package dashboard

import (
	"bytes"
	"encoding/json"
)

// The parts of a dashboard, as Grafana's JSON model has them, with the fields that
// this one needs.
type (
	dashboard struct {
		Annotations   list     `json:"annotations"`
		Description   string   `json:"description"`
		Editable      bool     `json:"editable"`
		GraphTooltip  int      `json:"graphTooltip"` // 1: the crosshair is shared
		ID            *int     `json:"id"`           // null: Grafana gives it one
		Panels        []panel  `json:"panels"`
		Refresh       string   `json:"refresh"`
		SchemaVersion int      `json:"schemaVersion"`
		Tags          []string `json:"tags"`
		Templating    list     `json:"templating"`
		Time          span     `json:"time"`
		Timezone      string   `json:"timezone"`
		Title         string   `json:"title"`
		UID           string   `json:"uid"`
		Version       int      `json:"version"`
	}
	list struct {
		List []variable `json:"list"`
	}
	span struct {
		From string `json:"from"`
		To   string `json:"to"`
	}
	variable struct {
		Name       string  `json:"name"`
		Label      string  `json:"label"`
		Type       string  `json:"type"`
		Query      string  `json:"query"`
		Datasource *source `json:"datasource,omitempty"`
		Definition string  `json:"definition,omitempty"`
		IncludeAll bool    `json:"includeAll,omitempty"`
		Multi      bool    `json:"multi,omitempty"`
		AllValue   string  `json:"allValue,omitempty"`
		Refresh    int     `json:"refresh,omitempty"` // 2: when the time range changes
		Sort       int     `json:"sort,omitempty"`
	}
	source struct {
		Type string `json:"type"`
		UID  string `json:"uid"`
	}
	panel struct {
		ID          int         `json:"id"`
		Type        string      `json:"type"`
		Title       string      `json:"title"`
		Description string      `json:"description,omitempty"`
		Datasource  *source     `json:"datasource,omitempty"`
		GridPos     place       `json:"gridPos"`
		FieldConfig *fields     `json:"fieldConfig,omitempty"`
		Options     any         `json:"options,omitempty"`
		Targets     []target    `json:"targets,omitempty"`
		Panels      *[]struct{} `json:"panels,omitempty"` // of a row: none
	}
	place struct {
		H int `json:"h"`
		W int `json:"w"`
		X int `json:"x"`
		Y int `json:"y"`
	}
	fields struct {
		Defaults  defaults   `json:"defaults"`
		Overrides []struct{} `json:"overrides"`
	}
	defaults struct {
		Unit     string    `json:"unit,omitempty"`
		Min      *float64  `json:"min,omitempty"`
		Mappings []mapping `json:"mappings,omitempty"`
		Custom   any       `json:"custom,omitempty"`
	}
	mapping struct {
		Type    string           `json:"type"`
		Options map[string]shown `json:"options"`
	}
	shown struct {
		Text  string `json:"text"`
		Color string `json:"color"`
	}
	target struct {
		RefID        string `json:"refId"`
		Expr         string `json:"expr"`
		LegendFormat string `json:"legendFormat"`
		Exemplar     bool   `json:"exemplar,omitempty"`
		Format       string `json:"format,omitempty"`
		Range        bool   `json:"range"`
	}
)

// JSON returns the dashboard, indented, with a newline at its end.
func JSON() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(dashboard{
		Annotations:   list{List: []variable{}},
		Description:   "Calls, streams and resilience of mediators. Made by cmd/dashboard of prommediator.",
		Editable:      true,
		GraphTooltip:  1,
		Panels:        layOut(rows),
		Refresh:       "30s",
		SchemaVersion: 39,
		Tags:          []string{"fsmediator"},
		Templating:    list{List: variables},
		Time:          span{From: "now-1h", To: "now"},
		Title:         "Mediator",
		UID:           "fsmediator",
		Version:       1,
	})
	return b.Bytes(), err
}

var prometheus = &source{Type: "prometheus", UID: "${datasource}"}

var variables = []variable{
	{Name: "datasource", Label: "Data source", Type: "datasource", Query: "prometheus"},
	choice("job", "Job", `label_values(fsmediator_calls_started_total, job)`),
	choice("message", "Message", `label_values(fsmediator_calls_started_total{job=~"$job"}, message)`),
}

func choice(name, label, query string) variable {
	return variable{Name: name, Label: label, Type: "query", Query: query, Definition: query, Datasource: prometheus,
		IncludeAll: true, Multi: true, AllValue: ".*", Refresh: 2, Sort: 1}
}

const (
	gridWidth = 24
	height    = 8
)

// layOut gives the panels their numbers and places: each row is as wide as the
// dashboard, and its panels share the width.
func layOut(rows []row) []panel {
	var all []panel
	y := 0
	add := func(p panel) {
		p.ID = len(all) + 1
		all = append(all, p)
	}
	for _, r := range rows {
		add(panel{Type: "row", Title: r.title, GridPos: place{H: 1, W: gridWidth, Y: y}, Panels: &[]struct{}{}})
		y++
		width := gridWidth / len(r.graphs)
		for i, g := range r.graphs {
			p := g.panel()
			p.GridPos = place{H: height, W: width, X: i * width, Y: y}
			add(p)
		}
		y += height
	}
	return all
}
