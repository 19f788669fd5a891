package main

import (
	"debug/elf"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// matrix is all that the document tells.
type matrix struct {
	Library   library
	Programs  []string
	Functions []string
	Columns   []column
}

func programNames(directory string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(directory, "test_*.c"))
	var names []string
	for _, file := range files {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "test_"), ".c"))
	}
	sort.Strings(names)
	return names, err
}

func exportedFunctions(list string) ([]string, error) {
	data, err := os.ReadFile(list)
	if err != nil {
		return nil, err
	}
	var names []string
	for line := range strings.Lines(string(data)) {
		name, _, _ := strings.Cut(line, "#")
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names, nil
}

// findUses finds the exported functions that each program calls, on each line:
// what its own object file asks for, and what its source names in a string, for
// dlsym. What a shared source calls is kept under the name of that source.
func (m *matrix) findUses(tree string) error {
	for i := range m.Columns {
		c := &m.Columns[i]
		c.Uses = map[string]map[string]bool{}
		c.Shared = map[string]map[string]bool{}
		if c.Line.missing+c.Broken != "" {
			continue
		}
		objects := filepath.Join(tree, "build", "matrix", c.Line.name, "obj", "tests", "c")
		all, err := filepath.Glob(filepath.Join(objects, "*.o"))
		if err != nil {
			return err
		}
		for _, path := range all {
			base := strings.TrimSuffix(filepath.Base(path), ".o")
			source, err := os.ReadFile(filepath.Join(tree, "tests", "c", base+".c"))
			if os.IsNotExist(err) {
				continue // an object whose source is gone
			}
			if err != nil {
				return err
			}
			undefined, defined, err := symbolsOf(path)
			if err != nil {
				return err
			}
			m.addNamed(undefined, string(source))
			if program, own := strings.CutPrefix(base, "test_"); own {
				c.Uses[program] = undefined
			} else {
				c.Uses[base+".c"] = undefined
				c.Shared[base+".c"] = defined
			}
		}
		c.findServerUses()
	}
	return nil
}

// addNamed adds the functions that a source names in a string.
func (m *matrix) addNamed(used map[string]bool, source string) {
	for _, name := range m.Functions {
		if strings.Contains(source, `"`+name+`"`) {
			used[name] = true
		}
	}
}

// symbolsOf is what an object file asks for and what it defines.
func symbolsOf(object string) (undefined, defined map[string]bool, err error) {
	file, err := elf.Open(object)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	symbols, err := file.Symbols()
	if err != nil {
		return nil, nil, err
	}
	undefined, defined = map[string]bool{}, map[string]bool{}
	for _, symbol := range symbols {
		switch {
		case symbol.Section == elf.SHN_UNDEF:
			undefined[symbol.Name] = true
		case elf.ST_BIND(symbol.Info) != elf.STB_LOCAL:
			defined[symbol.Name] = true
		}
	}
	return undefined, defined, nil
}

// findServerUses notes what the servers that were run call.
func (c *column) findServerUses() {
	for _, s := range servers {
		if c.Servers[s.pack].Unfit != "" {
			continue
		}
		file, err := elf.Open(c.Line.outside(s.binary))
		if err != nil {
			continue
		}
		symbols, _ := file.ImportedSymbols()
		file.Close()
		c.Uses[s.binary] = map[string]bool{}
		for _, symbol := range symbols {
			c.Uses[s.binary][symbol.Name] = true
		}
	}
}

// callers are the programs that call a function on this line, by themselves or,
// if none does, through a shared source.
func (c *column) callers(function string, programs []string) []string {
	var names []string
	for _, program := range programs {
		if c.Uses[program][function] {
			names = append(names, program)
		}
	}
	if len(names) > 0 {
		return names
	}
	for _, program := range programs {
		for source, defined := range c.Shared {
			if c.Uses[source][function] && meet(c.Uses[program], defined) {
				names = append(names, program)
				break
			}
		}
	}
	return names
}

// serversOf are the servers that call a function on this line.
func (c *column) serversOf(function string) []string {
	var names []string
	for _, s := range servers {
		if c.Uses[s.binary][function] {
			names = append(names, s.pack)
		}
	}
	return names
}

// passesServer says whether all tests of a server passed.
func (c *column) passesServer(pack string) bool {
	passed := false
	for _, s := range servers {
		for name, v := range c.Results {
			if s.pack == pack && strings.HasPrefix(name, s.test) {
				if v != pass {
					return false
				}
				passed = true
			}
		}
	}
	return passed
}

func meet(a, b map[string]bool) bool {
	for name := range a {
		if b[name] {
			return true
		}
	}
	return false
}

// variants of libssl that a line has.
func (c *column) variants() []string {
	if c.Symbolic {
		return []string{"symbolic"}
	}
	return []string{"plain", "symbolic"}
}

// passes says whether a program passed in all variants.
func (c *column) passes(program string) bool {
	for _, variant := range c.variants() {
		if c.Results["TestC/"+program+"/"+variant] != pass {
			return false
		}
	}
	return true
}

// failures counts what failed or could not be run, but for lines that are not to be had.
func (m *matrix) failures() int {
	n := 0
	for _, c := range m.Columns {
		if c.Broken != "" {
			n++
		}
		for _, v := range c.Results {
			if v == fail {
				n++
			}
		}
	}
	return n
}
