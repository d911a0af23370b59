// SPDX-License-Identifier: MIT

package cli

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/internal/testlab/pty"
)

// slowRate is what a slow mirror gives in a second, of all files together.
const slowRate = 2_000_000

// slowMirror stands before the real one and hands packages out slowly; the index
// comes as it is.
func slowMirror(t *testing.T) string {
	t.Helper()
	needs.Long(t, "it downloads")
	needs.Program(t, "apt-get")
	real := os.Getenv("KMODLAB_MIRROR")
	if real == "" {
		out, err := exec.Command("apt-get", "indextargets", "--format", "$(REPO_URI)", "Identifier: Packages").Output()
		if err != nil {
			t.Fatalf("ask apt for its mirror: %v", err)
		}
		real, _, _ = strings.Cut(string(out), "\n")
	}
	to, err := url.Parse(strings.TrimRight(real, "/"))
	if err != nil || !strings.HasPrefix(to.Scheme, "http") {
		needs.Missing(t, "apt has no mirror that HTTP reaches, but %q", real)
	}
	token := make(chan struct{}, 1) // one file's next bytes at a time
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Path = strings.TrimPrefix(r.Out.URL.Path, "/debian")
			r.SetURL(to)
		},
		ModifyResponse: func(r *http.Response) error {
			if strings.HasSuffix(r.Request.URL.Path, ".deb") {
				r.Body = slowBody{r.Body, token}
			}
			return nil
		},
	}
	srv := httptest.NewServer(proxy)
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	return srv.URL + "/debian"
}

type slowBody struct {
	io.ReadCloser
	token chan struct{}
}

func (b slowBody) Read(p []byte) (int, error) {
	b.token <- struct{}{}
	defer func() { <-b.token }()
	n, err := b.ReadCloser.Read(p[:min(len(p), 16<<10)])
	time.Sleep(time.Duration(n) * time.Second / slowRate)
	return n, err
}

var fetched = regexp.MustCompile(`(\d+) packages of debian:bookworm(?: …|:) ([\d.]+) of ([\d.]+) MB, ([\d.]+) (kB|MB)/s`)

// TestFetchOnTerminal: bytes and rate are drawn over in one line, and Ctrl-C leaves
// nothing of it.
func TestFetchOnTerminal(t *testing.T) {
	cmd := exec.Command(testlab.Kmodlab(t), "kernel", "fetch", "debian:bookworm", "--mirror", slowMirror(t))
	cmd.Env = append(os.Environ(), "TERM=xterm", "XDG_CACHE_HOME="+filepath.Join(t.TempDir(), "cache"))
	term := pty.Start(t, cmd, 80, 24)
	far := func(s string) (done, rate float64) {
		m := fetched.FindStringSubmatch(s)
		if m == nil || m[5] != "MB" {
			return 0, 0
		}
		done, _ = strconv.ParseFloat(m[2], 64)
		rate, _ = strconv.ParseFloat(m[4], 64)
		return done, rate
	}
	var at float64
	term.Await("six megabytes have come", 3*time.Minute, func(s string) bool { at, _ = far(s); return at > 6 })
	screen := term.Await("some more", time.Minute, func(s string) bool { done, _ := far(s); return done > at+1 })
	if _, rate := far(screen); rate*1e6 < slowRate/3 || rate*1e6 > slowRate*1.5 {
		t.Errorf("a mirror of %d bytes a second is said to give %v MB/s", slowRate, rate)
	}
	if strings.Count(term.All(), "packages of") != 1 || strings.Count(screen, "\n") > 0 {
		t.Errorf("it is not drawn over:\n%s", term.All())
	}
	term.Type("\x03")
	if status := term.Wait(30 * time.Second); status != 130 {
		t.Errorf("exit status %d, want 130", status)
	}
	if strings.Contains(term.All(), "packages of") || !strings.Contains(term.Text(), "interrupted") {
		t.Errorf("the screen is\n%s", term.All())
	}
	term.Check()
}

// TestFetchIntoFile: plain lines, at most one in five seconds for the download.
func TestFetchIntoFile(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, testlab.Kmodlab(t), "kernel", "fetch", "debian:bookworm", "--mirror", slowMirror(t))
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(t.TempDir(), "cache"))
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	const length = 13 * time.Second
	var begun, told int
	for lines := bufio.NewScanner(said); lines.Scan(); {
		line := lines.Text()
		switch {
		case strings.ContainsAny(line, "\r\x1b"):
			t.Errorf("it is drawn into a file: %q", line)
		case fetched.MatchString(line):
			told++
		case strings.HasSuffix(line, " packages of debian:bookworm"):
			begun++
			time.AfterFunc(length, func() { cmd.Process.Signal(os.Interrupt) })
		}
	}
	if cmd.Wait(); cmd.ProcessState.ExitCode() != 130 {
		t.Errorf("exit status %d, want 130", cmd.ProcessState.ExitCode())
	}
	if begun != 1 || told < 1 || told > 2 {
		t.Errorf("%d lines begin the download, and %d tell how far it is; want 1, and 1 or 2 in %s", begun, told, length)
	}
}
