package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	noWord  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// Each link to a file of this repository, and to a heading in it, leads somewhere.
func TestLinksLeadSomewhere(t *testing.T) {
	var checked int
	for _, p := range pages(t) {
		for _, m := range link.FindAllStringSubmatch(codeSpan.ReplaceAllString(p.prose, ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			checked++
			file, anchor, hasAnchor := strings.Cut(m[1], "#")
			if file == "" {
				file = p.name
			}
			path := filepath.Join(guides, filepath.FromSlash(file))
			_, err := os.Stat(path)
			require.NoError(t, err, "%s: %s", p.name, m[1])
			if !hasAnchor {
				continue
			}
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Contains(t, anchors(string(text)), anchor, "%s: %s", p.name, m[1])
		}
	}
	require.Positive(t, checked)
}

// anchors are the headings of a page, as GitHub links to them.
func anchors(text string) (all []string) {
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		words := noWord.ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(words, " ", "-"))
	}
	return all
}

// The index leads to each guide.
func TestIndexIsComplete(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(guides, "README.md"))
	require.NoError(t, err)
	for _, p := range pages(t) {
		if p.name != "README.md" {
			require.Contains(t, string(index), "]("+p.name+")")
		}
	}
}

// The table of ARCHITECTURE.md has each file of the root package.
func TestArchitectureIsComplete(t *testing.T) {
	text, err := os.ReadFile("../../ARCHITECTURE.md")
	require.NoError(t, err)
	files, err := filepath.Glob("../../*.go")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, path := range files {
		if !isTest(path) {
			require.Contains(t, string(text), "`"+filepath.Base(path)+"`")
		}
	}
}

var (
	changeDir = regexp.MustCompile(`^\(?cd (\S+) && `)
	folder    = regexp.MustCompile(`(?:^| )(\./[\w./-]*)`)
)

// Each folder that a shown command is about exists, from the root of this
// repository or from where the command goes first.
func TestCommandsHaveTheirFolders(t *testing.T) {
	var checked int
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if b.language != "sh" {
				continue
			}
			for line := range strings.Lines(b.text) {
				line, _, _ = strings.Cut(line, "#")
				dir := "../.."
				if m := changeDir.FindStringSubmatch(line); m != nil {
					dir = filepath.Join(dir, m[1])
					require.DirExists(t, dir, "%s: %s", p.name, line)
				}
				for _, m := range folder.FindAllStringSubmatch(line, -1) {
					checked++
					require.DirExists(t, filepath.Join(dir, strings.TrimSuffix(m[1], "...")), "%s: %s", p.name, line)
				}
			}
		}
	}
	require.Positive(t, checked)
}
