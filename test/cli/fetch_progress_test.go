// SPDX-License-Identifier: MIT

package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/internal/testlab/pty"
)

// slowRate is the most bytes that a slow mirror sends in a second, of all files together. It makes a download last. How
// fast the real mirror is does not matter.
const slowRate = 2_000_000

// mirror is a proxy of the real mirror. It sends packages slowly, and the index as fast as it comes.
type mirror struct {
	url   string
	token chan struct{} // held while the next bytes of a file are sent

	mu    sync.Mutex
	given []delivery // bytes of packages, in the order of time
}

// delivery is a time, and how many bytes the mirror had sent by then.
type delivery struct {
	at  time.Time
	all int64
}

// until returns how many bytes the mirror had sent by a time.
func (m *mirror) until(at time.Time) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, _ := slices.BinarySearchFunc(m.given, at, func(d delivery, at time.Time) int { return d.at.Compare(at) })
	if n == 0 {
		return 0
	}
	return m.given[n-1].all
}

func slowMirror(t *testing.T) *mirror {
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
	m := &mirror{token: make(chan struct{}, 1)}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Path = strings.TrimPrefix(r.Out.URL.Path, "/debian")
			r.SetURL(to)
		},
		ModifyResponse: func(r *http.Response) error {
			if strings.HasSuffix(r.Request.URL.Path, ".deb") {
				r.Body = slowBody{r.Body, m}
			}
			return nil
		},
	}
	srv := httptest.NewServer(proxy)
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	m.url = srv.URL + "/debian"
	return m
}

type slowBody struct {
	io.ReadCloser
	m *mirror
}

func (b slowBody) Read(p []byte) (int, error) {
	b.m.token <- struct{}{}
	defer func() { <-b.m.token }()
	n, err := b.ReadCloser.Read(p[:min(len(p), 16<<10)])
	time.Sleep(time.Duration(n) * time.Second / slowRate)
	b.m.mu.Lock()
	defer b.m.mu.Unlock()
	all := int64(n)
	if k := len(b.m.given); k > 0 {
		all += b.m.given[k-1].all
	}
	b.m.given = append(b.m.given, delivery{time.Now(), all})
	return n, err
}

var fetched = regexp.MustCompile(`(\d+) packages of debian:bookworm(?: …|:) ([\d.]+) of ([\d.]+) MB, ([\d.]+) (kB|MB)/s`)

// fetchProgress returns what the line of a download says: bytes, and bytes per second.
func fetchProgress(t *testing.T, screen string) (done, rate float64) {
	t.Helper()
	m := fetched.FindStringSubmatch(screen)
	if m == nil {
		return 0, 0
	}
	done, err := strconv.ParseFloat(m[2], 64)
	if err != nil {
		t.Fatal(err)
	}
	if rate, err = strconv.ParseFloat(m[4], 64); err != nil {
		t.Fatal(err)
	}
	return done * 1e6, rate * map[string]float64{"kB": 1e3, "MB": 1e6}[m[5]]
}

// TestFetchOnTerminal checks the progress of a download on a terminal. Bytes and rate are those that the mirror sent.
// The line is drawn over in place, and Ctrl-C removes it.
func TestFetchOnTerminal(t *testing.T) {
	m := slowMirror(t)
	cmd := exec.Command(testlab.Kmodlab(t), "kernel", "fetch", "debian:bookworm", "--mirror", m.url)
	cmd.Env = append(os.Environ(), "TERM=xterm", "XDG_CACHE_HOME="+filepath.Join(t.TempDir(), "cache"))
	term := pty.Start(t, cmd, 80, 24)
	screen := ""
	come := func(bytes float64) (at time.Time, done, rate float64) {
		t.Helper()
		screen = term.Await(fmt.Sprintf("%.0f MB have come", bytes/1e6), 5*time.Minute, func(s string) bool {
			done, _ := fetchProgress(t, s)
			return done > bytes
		})
		done, rate = fetchProgress(t, screen)
		return time.Now(), done, rate
	}
	before, began, _ := come(4e6)
	now, done, rate := come(began + 8e6)
	m.compare(t, before, now, done-began, rate)
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

// compare compares the bytes that came between two screens, and the rate on the second, with what the mirror sent. The
// figures differ for three reasons. A screen may be some seconds old. Its rate is that of five seconds. Both figures
// are made from apt's percentage, and apt is ahead of its bytes by the size of a package.
func (m *mirror) compare(t *testing.T, before, now time.Time, done, rate float64) {
	t.Helper()
	const late, of, ahead = 3 * time.Second, 5 * time.Second, 2e6
	gave := func(from, to time.Time) float64 { return float64(m.until(to) - m.until(from)) }
	low, high := gave(before, now.Add(-late)), gave(before.Add(-late), now)
	if done < low*0.9-ahead || done > high*1.1+ahead {
		t.Errorf("%.1f MB are said to have come; the mirror gave %.1f to %.1f", done/1e6, low/1e6, high/1e6)
	}
	var gives []float64
	for at := now.Add(-late); !at.After(now); at = at.Add(late / 10) {
		gives = append(gives, gave(at.Add(-of), at))
	}
	said := rate * of.Seconds()
	if low, high = slices.Min(gives), slices.Max(gives); said < low*0.6-ahead || said > high*1.5+ahead {
		t.Errorf("the mirror gave %.1f to %.1f MB in %s and is said to have given %.1f",
			low/1e6, high/1e6, of, said/1e6)
	}
}

// TestFetchIntoFile checks the progress in a file: plain lines, and at most one in five seconds for the download.
func TestFetchIntoFile(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	m := slowMirror(t)
	cmd := exec.CommandContext(ctx, testlab.Kmodlab(t), "kernel", "fetch", "debian:bookworm", "--mirror", m.url)
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
