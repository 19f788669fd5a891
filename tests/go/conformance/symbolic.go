package conformance

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// errNoRoom means that the dynamic section has neither flags nor a spare entry.
var errNoRoom = errors.New("the dynamic section has no room for DT_FLAGS")

// FindLibrary asks the dynamic loader which file a program would use for the
// library whose name begins with prefix.
func FindLibrary(program, prefix string) (string, error) {
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "LD_TRACE_LOADED_OBJECTS=1", "LD_PRELOAD=")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("loader trace of %s: %w", program, err)
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) >= 3 && strings.HasPrefix(fields[0], prefix) && fields[1] == "=>" {
			return fields[2], nil
		}
	}
	return "", fmt.Errorf("%s uses no %s", program, prefix)
}

// CopySymbolic copies a shared library into dir and sets DF_SYMBOLIC in the
// copy: the loader then binds the calls that the library makes to its own
// exported functions inside it, as in a build with -Bsymbolic, and a preloaded
// library does not see them. It returns the path of the copy.
func CopySymbolic(library, dir string) (string, error) {
	data, err := os.ReadFile(library)
	if err != nil {
		return "", err
	}
	if err := setSymbolic(library, data); err != nil {
		return "", fmt.Errorf("%s: %w", library, err)
	}
	file := filepath.Join(dir, filepath.Base(library))
	return file, os.WriteFile(file, data, 0o755)
}

// setSymbolic changes data, the content of the ELF file library.
func setSymbolic(library string, data []byte) error {
	file, err := elf.Open(library)
	if err != nil {
		return err
	}
	defer file.Close()
	if file.Class != elf.ELFCLASS64 {
		return fmt.Errorf("class %v is not supported", file.Class)
	}
	dynamic := file.SectionByType(elf.SHT_DYNAMIC)
	if dynamic == nil {
		return errors.New("no dynamic section")
	}
	section := data[dynamic.Offset : dynamic.Offset+dynamic.FileSize]
	for ; len(section) >= 16; section = section[16:] {
		tag := elf.DynTag(file.ByteOrder.Uint64(section))
		if tag == elf.DT_FLAGS {
			orUint64(file.ByteOrder, section[8:], uint64(elf.DF_SYMBOLIC))
			return nil
		}
		if tag == elf.DT_NULL {
			break
		}
	}
	// The list ends with one DT_NULL; the linker leaves spare ones behind it.
	if len(section) < 32 {
		return errNoRoom
	}
	file.ByteOrder.PutUint64(section, uint64(elf.DT_FLAGS))
	orUint64(file.ByteOrder, section[8:], uint64(elf.DF_SYMBOLIC))
	return nil
}

func orUint64(order binary.ByteOrder, b []byte, bits uint64) {
	order.PutUint64(b, order.Uint64(b)|bits)
}
