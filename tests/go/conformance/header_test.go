package conformance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Uses every function of the header by its type, so that a prototype that
// differs from OpenSSL's does not compile.
const useHeader = `
typedef int (*new_fn)(SSL *, SSL_SESSION *);
typedef void (*remove_fn)(SSL_CTX *, SSL_SESSION *);
typedef SSL_SESSION *(*get_fn)(SSL *, const unsigned char *, int, int *);
int use(SSL_CTX *ctx, SSL *ssl, SSL_SESSION *sess, sesscache_stats *stats);
int use(SSL_CTX *ctx, SSL *ssl, SSL_SESSION *sess, sesscache_stats *stats)
{
    new_fn n = SSL_CTX_sess_get_new_cb(ctx);
    remove_fn r = SSL_CTX_sess_get_remove_cb(ctx);
    get_fn g = SSL_CTX_sess_get_get_cb(ctx);
    GEN_SESSION_CB id = NULL;
    unsigned char data[32] = {0};

    SSL_CTX_sess_set_new_cb(ctx, n);
    SSL_CTX_sess_set_remove_cb(ctx, r);
    SSL_CTX_sess_set_get_cb(ctx, g);
    SSL_CTX_set_generate_session_id(ctx, id);
    SSL_set_generate_session_id(ssl, id);
    SSL_set_SSL_CTX(ssl, ctx);
    SSL_CTX_flush_sessions(ctx, 0L);
    SSL_CTX_flush_sessions_ex(ctx, (time_t)0);
    SSL_SESSION_set_time(sess, 1L);
    SSL_SESSION_set_time_ex(sess, (time_t)1);
    SSL_SESSION_set_timeout(sess, 1L);
    SSL_CTX_sess_set_cache_size(ctx, 1L);
    (SSL_CTX_set_session_cache_mode)(ctx, SSL_SESS_CACHE_BOTH | SSL_SESS_CACHE_NO_INTERNAL);
    return SSL_CTX_add_session(ctx, sess) + SSL_CTX_remove_session(ctx, sess) +
           SSL_add_session(ctx, sess) + SSL_remove_session(ctx, sess) +
           SSL_CTX_set_session_id_context(ctx, data, 32) +
           SSL_has_matching_session_id(ssl, data, 32) + (SSL_CTX_sessions(ctx) != NULL) +
           (int)(SSL_CTX_get_session_cache_mode)(ctx) + (int)SSL_CTX_sess_number(ctx) +
           (int)SSL_CTX_sess_get_cache_size(ctx) + sesscache_attached(ctx) +
           sesscache_ctx_stats(ctx, stats, sizeof(*stats)) + (sesscache_version() != NULL);
}
`

const (
	ownHeader = "#include <openssl_sess.h>\n"
	ssl       = "#include <openssl/ssl.h>\n"
)

// TestHeader compiles the public header alone, after and before OpenSSL's, as
// C11 and as C++17, without a warning.
func TestHeader(t *testing.T) {
	cases := map[string]string{
		"alone":  ownHeader,
		"twice":  ownHeader + ownHeader,
		"after":  ssl + ownHeader,
		"before": ownHeader + ssl,
	}
	compilers := map[string][]string{
		"c11":   {"gcc", "-std=c11", "-x", "c"},
		"c++17": {"g++", "-std=c++17", "-x", "c++"},
	}
	for name, includes := range cases {
		for language, compiler := range compilers {
			t.Run(name+"/"+language, func(t *testing.T) {
				t.Parallel()
				file := filepath.Join(t.TempDir(), "use.c")
				if err := os.WriteFile(file, []byte(includes+useHeader), 0o644); err != nil {
					t.Fatal(err)
				}
				args := append(compiler[1:len(compiler):len(compiler)], "-I../../../include", "-Wall",
					"-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-H", file)
				out, err := exec.Command(compiler[0], args...).CombinedOutput()
				if err != nil {
					t.Errorf("%v\n%s", err, onlyMessages(string(out)))
				}
				if !strings.Contains(includes, ssl) && strings.Contains(string(out), "/openssl/") {
					t.Error("the header alone includes OpenSSL's")
				}
			})
		}
	}
}

// The lines of OpenSSL beside the system's that the header has to agree with.
var otherLines = []string{"1.1.1", "3.5", "3.6", "4.0"}

// TestHeader_OtherLines compiles the header after and before the OpenSSL
// headers of other lines, which scripts/openssl-headers.sh fetches.
func TestHeader_OtherLines(t *testing.T) {
	for _, line := range otherLines {
		include := filepath.Join("../../../build/headers", line, "include")
		if _, err := os.Stat(include); err != nil {
			t.Run(line, func(t *testing.T) {
				t.Skipf("no headers of OpenSSL %s: scripts/openssl-headers.sh build/headers fetches them", line)
			})
			continue
		}
		for order, includes := range map[string]string{"after": ssl + ownHeader, "before": ownHeader + ssl} {
			for _, compiler := range [][]string{{"gcc", "-std=c11"}, {"g++", "-std=c++17"}} {
				t.Run(line+"/"+order+"/"+compiler[0], func(t *testing.T) {
					t.Parallel()
					suffix := map[string]string{"gcc": ".c", "g++": ".cc"}[compiler[0]]
					file := filepath.Join(t.TempDir(), "use"+suffix)
					if err := os.WriteFile(file, []byte(includes+useHeader), 0o644); err != nil {
						t.Fatal(err)
					}
					// What a later line calls deprecated is still to be declared alike.
					out, err := exec.Command(compiler[0], compiler[1], "-isystem", include, "-I../../../include",
						"-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-deprecated-declarations",
						"-fsyntax-only", file).CombinedOutput()
					if err != nil {
						t.Errorf("%v\n%s", err, out)
					}
				})
			}
		}
	}
}

// onlyMessages drops the list of headers that -H prints.
func onlyMessages(text string) string {
	var kept []string
	for _, line := range lines(text) {
		if !strings.HasPrefix(line, ".") && !strings.HasPrefix(line, "/usr/") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}
