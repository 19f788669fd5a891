package conformance

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A plugin may bring a libssl of its own, under another name, beside the
// system's. Ours hides the functions of both from their callers, so each call
// must reach the libssl that its caller is linked with.
func TestForeignLibssl(t *testing.T) {
	const name, own = "libssl.so.3", "libssl-v.so" // of one length, so that one can stand for the other
	b := getBench(t)
	system, err := FindLibrary(b.Binary(b.programs[0]), "libssl.so")
	require.NoError(t, err)
	if filepath.Base(system) != name {
		t.Skipf("the system's libssl is %s; the test renames %s", system, name)
	}
	library, err := os.ReadFile(system)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, own),
		bytes.ReplaceAll(library, []byte(name+"\x00"), []byte(own+"\x00")), 0o755))

	const source = "../../c/foreign"
	withSystem, withOwn := filepath.Join(dir, "system.so"), filepath.Join(dir, "own.so")
	compile(t, "-shared", "-fPIC", "-o", withSystem, filepath.Join(source, "plugin.c"), "-lssl", "-lcrypto")
	compile(t, "-shared", "-fPIC", "-o", withOwn, filepath.Join(source, "plugin.c"),
		"-L"+dir, "-l:"+own, "-lcrypto", "-Wl,-rpath,"+dir)
	without, with := filepath.Join(dir, "without"), filepath.Join(dir, "with")
	compile(t, "-o", without, filepath.Join(source, "program.c"), "-ldl")
	compile(t, "-DWITH_LIBSSL", "-o", with, filepath.Join(source, "program.c"), "-lssl", "-lcrypto", "-ldl")

	line := func(who, library, attached string) string {
		return who + ": made by " + library + ", attached " + attached +
			", mode 3, added 1, number 1, removed 1, number 0\n"
	}
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		// The first libssl is stood in front of; another is left alone.
		{"system's first", []string{without, withSystem, withOwn},
			strings.Repeat(line("plugin 1", name, "1")+line("plugin 2", own, "0"), 2)},
		{"own first", []string{without, withOwn, withSystem},
			strings.Repeat(line("plugin 1", own, "1")+line("plugin 2", name, "0"), 2)},
		// What the program is linked with comes before what a plugin brings, if it has the same version.
		{"the program's", []string{with, withOwn},
			line("program", name, "1") + strings.Repeat(line("plugin 1", name, "1"), 2) + line("program", name, "1")},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := exec.Command(test.args[0], test.args[1:]...)
			cmd.Env = b.environ(Program{}, true, "", nil)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Equal(t, test.want, string(out))
		})
	}
}

func compile(t *testing.T, args ...string) {
	t.Helper()
	flags := []string{"-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wno-deprecated-declarations"}
	out, err := exec.Command("gcc", append(flags, args...)...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
