// SPDX-License-Identifier: MIT

package kernel

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// askMirror gets a kernel from a mirror that answers as handle does, and returns the mirror's address and the error.
func askMirror(t *testing.T, name string, handle http.HandlerFunc) (uri string, err error) {
	t.Helper()
	needs.Long(t, "it waits for apt")
	for _, tool := range []string{"apt-get", "apt-config", "dpkg-deb"} {
		if _, err := lookTool(tool); err != nil {
			needs.Missing(t, "no %s here, so no mirror can be asked; type: scripts/setup.sh test", tool)
		}
	}
	for _, proxy := range []string{"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"} {
		t.Setenv(proxy, "")
	}
	srv := httptest.NewServer(handle)
	defer srv.Close()
	defer srv.CloseClientConnections()
	s := &Store{Dir: filepath.Join(t.TempDir(), "kernels"), Mirror: srv.URL + "/debian", silence: 2 * time.Second}
	start := time.Now()
	_, err = s.Get(t.Context(), name)
	if err == nil || time.Since(start) > 30*time.Second {
		t.Errorf("after %s: %v", time.Since(start), err)
	}
	t.Logf("after %.1f s: %v", time.Since(start).Seconds(), err)
	return srv.URL + "/debian", err
}

// TestMirrors: what is wrong with a mirror is said of the mirror, soon, and not of the kernel's name.
func TestMirrors(t *testing.T) {
	for name, handle := range map[string]http.HandlerFunc{
		"has nothing":  http.NotFound,
		"is forbidden": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusForbidden) },
		"is broken":    func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) },
		"redirects to itself": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		},
		"redirects for ever": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, fmt.Sprintf("/debian/%d", time.Now().UnixNano()), http.StatusFound)
		},
		"wants a login": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>log in</html>") },
		"is silent":     func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"never ends": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		},
		"falls silent": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100000")
			fmt.Fprint(w, "-----BEGIN PGP SIGNED MESSAGE-----\n")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		},
	} {
		t.Run(name, func(t *testing.T) {
			uri, err := askMirror(t, "debian:bookworm", handle)
			if !errors.Is(err, ErrNoSource) || errors.Is(err, ErrUnknownName) || strings.Contains(err.Error(), "valid names") ||
				!strings.Contains(err.Error(), uri) || !strings.Contains(err.Error(), "--mirror") {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestUnknownSuite: only a mirror that is one can say that a suite does not exist.
func TestUnknownSuite(t *testing.T) {
	if _, err := os.Stat(aptHelper); err != nil {
		needs.Missing(t, "%v", err)
	}
	_, err := askMirror(t, "debian:zurg", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/debian/dists/trixie/Release" {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, "Origin: Debian\nSuite: stable\nCodename: trixie\n")
	})
	if !errors.Is(err, ErrUnknownName) || !strings.Contains(err.Error(), "serves no suite zurg") {
		t.Errorf("a mirror without that suite: %v", err)
	}
	_, err = askMirror(t, "debian:zurg", http.NotFound)
	if !errors.Is(err, ErrNoSource) || errors.Is(err, ErrUnknownName) {
		t.Errorf("an address without any suite: %v", err)
	}
}

// TestMirrorWithoutSecurity: a mirror that has only the main archive is used, and one line says so.
func TestMirrorWithoutSecurity(t *testing.T) {
	dir := t.TempDir()
	tool := filepath.Join(dir, "apt-get")
	script := `#!/bin/sh
list="` + dir + `/etc/sources.d/debian.sources"
while read -r field uri; do
	case $field$uri in
	URIs:*-security) last=$uri;;
	esac
done <"$list"
[ -z "$last" ] && exit 0
echo "E: The repository '$last bookworm-security Release' does not have a Release file." >&2
exit 100
`
	for _, err := range []error{
		os.MkdirAll(dir+"/etc/sources.d", 0o755), os.WriteFile(tool, []byte(script), 0o755),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var said []string
	s := &Store{Progress: func(p Progress) { said = append(said, p.Text) }}
	n, err := parseDebian("bookworm")
	if err != nil {
		t.Fatal(err)
	}
	all := sourcesFor(n, archive{main: "http://m.example/debian", security: "http://m.example/debian-security"})
	list, err := s.update(t.Context(), &aptRoot{dir: dir, aptGet: tool}, n, all, nil)
	if err != nil || len(list) != len(all)-1 {
		t.Errorf("%v, %v", list, err)
	}
	if len(said) != 1 || !strings.Contains(said[0], "no longer serves bookworm-security, continuing without it") {
		t.Errorf("said %q", said)
	}
}
