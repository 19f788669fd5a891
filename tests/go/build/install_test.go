package build

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// installed is what both `make install` and `cmake --install` put below the prefix.
var installed = []string{
	"include/openssl_sess.h",
	"lib/cmake/sesscache/sesscacheConfig.cmake",
	"lib/cmake/sesscache/sesscacheConfigVersion.cmake",
	"lib/libsesscache.so",
	"lib/pkgconfig/sesscache.pc",
}

// files lists the regular files below a directory.
func files(t *testing.T, directory string) []string {
	t.Helper()
	var names []string
	require.NoError(t, filepath.WalkDir(directory,
		func(path string, entry os.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				name, _ := filepath.Rel(directory, path)
				names = append(names, name)
			}
			return err
		}))
	return names
}

// makeInstall installs into a prefix by way of a staging directory, as a
// package does, and returns the prefix.
func makeInstall(t *testing.T) string {
	t.Helper()
	prefix := filepath.Join(t.TempDir(), "prefix")
	stage := filepath.Join(t.TempDir(), "stage")
	run(t, command(root(t), "make", "install", "PREFIX="+prefix, "DESTDIR="+stage))
	assert.NoFileExists(t, prefix, "DESTDIR was not respected")
	require.NoError(t, os.Rename(filepath.Join(stage, prefix), prefix))
	return prefix
}

// runsOnCore runs a program built from the source in helper_test.go and checks
// that libsesscache serves it.
func runsOnCore(t *testing.T, path string, environment ...string) {
	t.Helper()
	cmd := command("", path)
	cmd.Env = append(cmd.Env, environment...)
	stdout, stderr := run(t, cmd)
	assert.Equal(t, version(t)+" 7 1\n", stdout)
	assert.Empty(t, stderr)
}

func TestInstall(t *testing.T) {
	prefix := makeInstall(t)
	assert.Equal(t, installed, files(t, prefix))
	libraryPath := "LD_LIBRARY_PATH=" + filepath.Join(prefix, "lib")

	t.Run("pkg-config builds a program", func(t *testing.T) {
		dir := t.TempDir()
		source := writeProgram(t, dir)
		cmd := command(dir, "sh", "-c",
			`cc -o program `+source+` $(pkg-config --cflags --libs sesscache)`)
		cmd.Env = append(cmd.Env, "PKG_CONFIG_PATH="+filepath.Join(prefix, "lib", "pkgconfig"))
		run(t, cmd)
		runsOnCore(t, filepath.Join(dir, "program"), libraryPath)
	})
	t.Run("pkg-config builds the example", func(t *testing.T) {
		dir := t.TempDir()
		cmd := command(dir, "sh", "-c", `cc -D_GNU_SOURCE -o sessfile `+
			filepath.Join(root(t), "examples", "sessfile")+
			`/*.c $(pkg-config --cflags --libs sesscache) -lpthread`)
		cmd.Env = append(cmd.Env, "PKG_CONFIG_PATH="+filepath.Join(prefix, "lib", "pkgconfig"))
		run(t, cmd)
		resumesAcrossRestart(t, filepath.Join(dir, "sessfile"), libraryPath)
	})
	t.Run("pkg-config knows the version", func(t *testing.T) {
		cmd := command("", "pkg-config", "--modversion", "sesscache")
		cmd.Env = append(cmd.Env, "PKG_CONFIG_PATH="+filepath.Join(prefix, "lib", "pkgconfig"))
		stdout, _ := run(t, cmd)
		assert.Equal(t, version(t), strings.TrimSpace(stdout))
	})
	t.Run("find_package builds the example", func(t *testing.T) {
		dir := t.TempDir()
		project := `cmake_minimum_required(VERSION 3.20)
project(user C)
find_package(sesscache ` + version(t) + ` REQUIRED)
find_package(Threads REQUIRED)
file(GLOB sources "` + filepath.Join(root(t), "examples", "sessfile") + `/*.c")
add_executable(sessfile ${sources})
target_compile_definitions(sessfile PRIVATE _GNU_SOURCE)
target_link_libraries(sessfile PRIVATE sesscache::sesscache Threads::Threads)
add_executable(program main.c)
target_link_libraries(program PRIVATE sesscache::sesscache)
`
		writeProgram(t, dir)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "CMakeLists.txt"), []byte(project), 0o644))
		run(t, command(dir, "cmake", "-B", "out", "-DCMAKE_PREFIX_PATH="+prefix))
		run(t, command(dir, "cmake", "--build", "out"))
		// CMake gives programs of a build tree the path of their libraries.
		runsOnCore(t, filepath.Join(dir, "out", "program"))
		resumesAcrossRestart(t, filepath.Join(dir, "out", "sessfile"))
	})
}

func TestCMake_buildsTheSameLibrary(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	run(t, command(root(t), "cmake", "-B", out))
	run(t, command(root(t), "cmake", "--build", out, "-j2"))

	made := filepath.Join(out, "libsesscache.so")
	t.Setenv("SESSCACHE_LIBRARY", made)
	t.Run("exports", TestLibrary_exportsTheList)
	t.Run("needs", TestLibrary_needsNoOpenSSL)
	t.Run("nodelete", TestLibrary_isNeverUnloaded)
	t.Run("soname", TestLibrary_hasItsSoname)
	t.Run("versions", TestLibrary_definesNoVersion)
	t.Run("initialiser", TestLibrary_hasNoGoInitialiserAtLoad)

	t.Run("ctest has a test for each program", func(t *testing.T) {
		programs, err := filepath.Glob(filepath.Join(root(t), "tests", "c", "test_*.c"))
		require.NoError(t, err)
		stdout, _ := run(t, command(root(t), "ctest", "--test-dir", out, "-N"))
		for _, program := range programs {
			subject := strings.TrimPrefix(strings.TrimSuffix(filepath.Base(program), ".c"), "test_")
			assert.Regexp(t, `(?m): `+subject+`$`, stdout)
		}
	})
	t.Run("ctest passes one", func(t *testing.T) {
		run(t, command(root(t), "ctest", "--test-dir", out, "--output-on-failure",
			"--no-tests=error", "-R", "^add$"))
	})
	t.Run("install", func(t *testing.T) {
		prefix := filepath.Join(t.TempDir(), "prefix")
		run(t, command(root(t), "cmake", "--install", out, "--prefix", prefix))
		assert.Equal(t, installed, files(t, prefix))
		pkgConfig, err := os.ReadFile(filepath.Join(prefix, "lib", "pkgconfig", "sesscache.pc"))
		require.NoError(t, err)
		assert.Contains(t, string(pkgConfig), "prefix="+prefix+"\n")
		assert.Contains(t, string(pkgConfig), "Version: "+version(t)+"\n")
	})
}
