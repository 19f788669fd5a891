package main

import (
	"fmt"
	"slices"
	"strings"
)

const introduction = `# What was run on which OpenSSL

Written by ` + "`make matrix`" + `; do not edit. One build of the library runs on every line of OpenSSL.
The programs of ` + "`tests/c`" + ` are compiled with the headers of each line and compared with its stock
libssl, but for what [DIVERGENCES.md](DIVERGENCES.md) lists; the servers are those of the same Debian.

- **ok**: as listed; **FAIL**: not so; –: not run, for a reason that stands in this document.
- **plain**: libssl's calls to its own functions pass the library, as in Debian's builds up to 3.5;
  **symbolic**: they do not, as in upstream's builds and Debian's from 3.6 on. Where Debian's libssl is
  plain, a copy of it that binds its calls itself is the symbolic one.
`

// markdown is the document.
func (m *matrix) markdown() string {
	var b strings.Builder
	b.WriteString(introduction)
	m.places(&b)
	m.functions(&b)
	m.programs(&b)
	m.servers(&b)
	return b.String()
}

func (m *matrix) places(b *strings.Builder) {
	b.WriteString("\n## Versions\n\n")
	fmt.Fprintf(b, "The library was built once, on %s; it asks for glibc %s or later.\n\n",
		m.Library.Built, m.Library.Glibc)
	b.WriteString("| line | OpenSSL | Debian | glibc | libssl | nginx | haproxy |\n")
	b.WriteString("|---|---|---|---|---|---|---|\n")
	for _, c := range m.Columns {
		kind := "plain"
		if c.Symbolic {
			kind = "symbolic"
		}
		if c.Line.missing+c.Broken != "" {
			kind = ""
		}
		row(b, c.Line.name, c.OpenSSL, c.Line.suite, c.Glibc, kind,
			c.Servers["nginx"].Version, c.Servers["haproxy"].Version)
	}
	var notes []string
	for _, c := range m.Columns {
		if why := c.Line.missing + c.Broken; why != "" {
			notes = append(notes, fmt.Sprintf("- OpenSSL %s was not run: %s.\n", c.Line.name, why))
		}
		for _, s := range servers {
			if found := c.Servers[s.pack]; found.Unfit != "" {
				notes = append(notes, fmt.Sprintf("- %s was not run on OpenSSL %s: Debian's %s %s.\n",
					s.pack, c.Line.name, found.Version, found.Unfit))
			}
		}
	}
	if len(notes) > 0 {
		b.WriteString("\n" + strings.Join(notes, ""))
	}
}

func (m *matrix) functions(b *strings.Builder) {
	b.WriteString("\n## Functions\n\n" +
		"How many programs call the function on that line, by themselves or through a source that they\n" +
		"share, and whether all of them passed in all variants; where none does, which servers call it.\n" +
		"† libssl itself does not have it there.\n\n")
	m.head(b, "function")
	for _, function := range m.Functions {
		cells := []string{"`" + function + "`"}
		for i := range m.Columns {
			cells = append(cells, m.functionCell(&m.Columns[i], function))
		}
		row(b, cells...)
	}
}

func (m *matrix) functionCell(c *column, function string) string {
	if c.Line.missing+c.Broken != "" {
		return "–"
	}
	mark := ""
	if strings.HasPrefix(function, "SSL_") && !c.Exports[function] {
		mark = " †"
	}
	callers := c.callers(function, m.Programs)
	var failed []string
	for _, program := range callers {
		if !c.passes(program) {
			failed = append(failed, program)
		}
	}
	switch {
	case len(failed) > 0:
		return "FAIL " + strings.Join(failed, ", ") + mark
	case len(callers) > 0:
		return fmt.Sprintf("ok %d%s", len(callers), mark)
	}
	called := c.serversOf(function)
	if len(called) == 0 {
		return "not called" + mark
	}
	for _, server := range called {
		if !c.passesServer(server) {
			failed = append(failed, server)
		}
	}
	if len(failed) > 0 {
		return "FAIL " + strings.Join(failed, ", ") + mark
	}
	return "ok " + strings.Join(called, ", ") + mark
}

func (m *matrix) programs(b *strings.Builder) {
	b.WriteString("\n## Programs\n\n" +
		"plain / symbolic, and / takeover mode for the programs that are compared with stock libssl.\n\n")
	m.head(b, "program")
	for _, program := range m.Programs {
		cells := []string{program}
		for i := range m.Columns {
			c := &m.Columns[i]
			results := []string{
				c.cell("TestC/" + program + "/plain"), c.cell("TestC/" + program + "/symbolic")}
			if !strings.HasPrefix(program, "lib_") {
				results = append(results, c.cell("TestTakeover/"+program))
			}
			cells = append(cells, strings.Join(results, " / "))
		}
		row(b, cells...)
	}
	cells := []string{"each listed divergence occurs"}
	for i := range m.Columns {
		cells = append(cells, m.Columns[i].cell("TestDivergencesOccur"))
	}
	row(b, cells...)
}

func (c *column) cell(test string) string {
	switch c.Results[test] {
	case pass:
		return "ok"
	case fail:
		return "FAIL"
	default:
		return "–"
	}
}

// servers tells, for each configuration of a server, how its runs without the
// library, with it and in takeover mode went.
func (m *matrix) servers(b *strings.Builder) {
	b.WriteString("\n## Servers\n\nstock / with the library / in takeover mode.\n\n")
	m.head(b, "server")
	modes := []string{"/stock", "/documented", "/takeover"}
	for _, s := range servers {
		for _, scenario := range m.scenarios(s.test, modes) {
			cells := []string{scenarioName(s.pack, s.test, scenario)}
			for i := range m.Columns {
				var results []string
				for _, mode := range modes {
					results = append(results, m.Columns[i].cell(scenario+mode))
				}
				cells = append(cells, strings.Join(results, " / "))
			}
			row(b, cells...)
		}
	}
}

// scenarios are the tests of a server without the mode at the end, by name.
func (m *matrix) scenarios(test string, modes []string) []string {
	var names []string
	for _, c := range m.Columns {
		for name := range c.Results {
			for _, mode := range modes {
				scenario, ok := strings.CutSuffix(name, mode)
				if ok && strings.HasPrefix(name, test) && !slices.Contains(names, scenario) {
					names = append(names, scenario)
				}
			}
		}
	}
	slices.Sort(names)
	return names
}

// scenarioName makes "nginx reload: builtin" of "TestNginx_reload/builtin".
func scenarioName(pack, test, scenario string) string {
	first, rest, _ := strings.Cut(strings.TrimPrefix(scenario, test), "/")
	name := pack
	if pack == "openssl" {
		name = "openssl s_server"
	}
	if first != "" {
		name += strings.ReplaceAll(first, "_", " ")
	}
	if rest != "" {
		name += ": " + strings.ReplaceAll(rest, "_", " ")
	}
	return name
}

func (m *matrix) head(b *strings.Builder, first string) {
	cells := []string{first}
	for _, c := range m.Columns {
		cells = append(cells, c.Line.name)
	}
	row(b, cells...)
	b.WriteString(strings.Repeat("|---", len(cells)) + "|\n")
}

func row(b *strings.Builder, cells ...string) {
	b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
}
