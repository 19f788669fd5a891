package main

import (
	"fmt"
	"strings"
)

// replaceSection puts text between the markers of a section, each of which
// stands in a line of its own:
//
//	<!-- bench:NAME -->
//	<!-- /bench:NAME -->
//
// What is outside them stays as it is.
func replaceSection(document, name, text string) (string, error) {
	begin, end := "<!-- bench:"+name+" -->\n", "<!-- /bench:"+name+" -->\n"
	if strings.Count(document, begin) != 1 || strings.Count(document, end) != 1 {
		return "", fmt.Errorf("the document has to have the markers of section %s once", name)
	}
	before, rest, _ := strings.Cut(document, begin)
	_, after, found := strings.Cut(rest, end)
	if !found {
		return "", fmt.Errorf("section %s of the document ends before it begins", name)
	}
	return before + begin + "\n" + strings.Trim(text, "\n") + "\n\n" + end + after, nil
}
