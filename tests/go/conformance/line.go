package conformance

import (
	"debug/elf"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
)

// A line of OpenSSL is a series of releases with one ABI and one behaviour:
// "1.1.1", "3.0", "3.5".

// reference is the line whose stock behaviour the library has on every line.
const reference = "3.0"

var versionText = regexp.MustCompile(`OpenSSL ([0-9]+)\.([0-9]+)\.([0-9]+)[a-z]* +[0-9]`)

// LibraryLine reads the line of OpenSSL from the version text inside libcrypto.
func LibraryLine(libcrypto string) (string, error) {
	data, err := os.ReadFile(libcrypto)
	if err != nil {
		return "", err
	}
	found := versionText.FindSubmatch(data)
	switch {
	case found == nil:
		return "", fmt.Errorf("%s names no version of OpenSSL", libcrypto)
	case string(found[1]) == "1":
		return fmt.Sprintf("%s.%s.%s", found[1], found[2], found[3]), nil
	default:
		return fmt.Sprintf("%s.%s", found[1], found[2]), nil
	}
}

// BindsItself says whether a shared library was built with -Bsymbolic: a
// preloaded library then does not see the calls that it makes to itself.
func BindsItself(library string) (bool, error) {
	file, err := elf.Open(library)
	if err != nil {
		return false, err
	}
	defer file.Close()
	flags, err := file.DynValue(elf.DT_FLAGS)
	if err != nil {
		return false, err
	}
	return len(flags) == 1 && elf.DynFlag(flags[0])&elf.DF_SYMBOLIC != 0, nil
}

// Lines says on which lines something holds, in the words of DIVERGENCES.md:
// lines and ranges of them, "1.1.1, 3.5-4.0"; "" is every line.
type Lines string

// Hold says whether the line is one of them.
func (l Lines) Hold(line string) bool {
	if l == "" {
		return true
	}
	for part := range strings.SplitSeq(string(l), ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			to = from
		}
		if order(from) <= order(line) && order(line) <= order(to) {
			return true
		}
	}
	return false
}

// check says what is wrong with the text.
func (l Lines) check() error {
	for part := range strings.SplitSeq(string(l), ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if order(from) == 0 || (isRange && order(to) <= order(from)) {
			return fmt.Errorf("%q is no line of OpenSSL, nor a range of them", part)
		}
	}
	return nil
}

// order is greater for later lines; 0 for what is no line.
func order(line string) int {
	sum := 0
	parts := strings.Split(line, ".")
	for i := range 3 {
		n := 0
		if i < len(parts) {
			var err error
			if n, err = strconv.Atoi(parts[i]); err != nil || n > 999 {
				return 0
			}
		}
		sum = sum*1000 + n
	}
	return sum
}
