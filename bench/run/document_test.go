package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReplaceSection(t *testing.T) {
	const document = "# Title\n\n<!-- bench:a -->\nold\n<!-- /bench:a -->\nbetween\n<!-- bench:b -->\n<!-- /bench:b -->\n"
	first, err := replaceSection(document, "a", "| new |\n")
	require.NoError(t, err)
	assert.Equal(t, "# Title\n\n<!-- bench:a -->\n\n| new |\n\n<!-- /bench:a -->\nbetween\n<!-- bench:b -->\n<!-- /bench:b -->\n", first)
	again, err := replaceSection(first, "a", "| new |\n")
	require.NoError(t, err)
	assert.Equal(t, first, again, "the same text changes nothing")
	second, err := replaceSection(first, "b", "$1 \\1 %s")
	require.NoError(t, err)
	assert.True(t, strings.HasSuffix(second, "between\n<!-- bench:b -->\n\n$1 \\1 %s\n\n<!-- /bench:b -->\n"), second)
}

func TestReplaceSection_faults(t *testing.T) {
	for name, document := range map[string]string{
		"no markers":       "text\n",
		"no end":           "<!-- bench:a -->\n",
		"no beginning":     "<!-- /bench:a -->\n",
		"twice":            "<!-- bench:a -->\n<!-- /bench:a -->\n<!-- bench:a -->\n<!-- /bench:a -->\n",
		"in reverse order": "<!-- /bench:a -->\n<!-- bench:a -->\n",
		"another section":  "<!-- bench:ab -->\n<!-- /bench:ab -->\n",
	} {
		_, err := replaceSection(document, "a", "new")
		assert.Error(t, err, name)
	}
}

// Every table has a place in the document, and every plot is shown.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", documentPath))
	require.NoError(t, err)
	document := string(text)
	sections := []string{"machine", "targets"}
	for _, s := range suites {
		for _, f := range s.forms {
			sections = append(sections, f.section)
		}
		for _, p := range s.plots {
			assert.Contains(t, document, "(performance/"+p.name+".svg)")
		}
	}
	for _, section := range sections {
		_, err := replaceSection(document, section, "")
		assert.NoError(t, err)
	}
}
