// SPDX-License-Identifier: MIT

package expect_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/expect"
	"github.com/kmodlab/kmodlab/internal/recording"
	"github.com/kmodlab/kmodlab/internal/verdict"
	"github.com/kmodlab/kmodlab/result"
)

func check(t *testing.T, text string, r *result.Result) expect.Finding {
	t.Helper()
	e, err := expect.Compile(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return e.Check(r)
}

func recorded(t *testing.T, file string) *result.Result {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	e, _, err := recording.Read(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return verdict.Of(e)
}

// TestDemo checks a recording of the demo, on 6.1 with TCG.
func TestDemo(t *testing.T) {
	r := recorded(t, "../../test/cli/testdata/recording/demo-1.kmlab")
	for _, text := range []string{
		`verdict.class == "pass" && leaks.size() == 0 && crashes.size() == 0 && misuse.size() == 0`,
		`modules.all(m, m.loaded && m.unloaded && m.init_ret == 0) && module("signal-handling").loaded`,
		`threads.all(t, t.stops == 1 && t.stop_ret == 0 && t.ending == "stopped" && !t.alive)`,
		`threads.all(t, order(t.stages_ns.requested, t.stages_ns.created, t.stages_ns.woken, t.stages_ns.function,
			t.stages_ns.stop_asked, t.stages_ns.exited, t.stages_ns.stop_returned))`,
		`thread("K1").of("signal_handling") && thread("K2").of("send_signal") && thread("K1").works.size() == 0`,
		`signals.all(s, s.name == "SIGUSR1" && s.outcome == "consumed" && s.consumed_ns - s.sent_ns <= jiffies(2))`,
		`signals.all(s, s.to.comm == "K1" && s.from.comm == "K2" && s.of("send_signal"))`,
		`request("send_signal").returned == 0 && request("send_signal").helper.exit == 0`,
		`kernel == version("6.1") && slow == 10 && everything.threads.size() >= threads.size()`,
		`module("signal_handling").refs.filter(r, r.put).size() == 2`,
	} {
		if f := check(t, text, r); !f.Holds {
			t.Errorf("%s: %+v", text, f)
		}
	}
	for text, says := range map[string]string{
		`threads.all(t, t.stops == 2)`:                       "thread K1[121]: stops is 1, not 2",
		`signals.all(s, s.consumed_ns - s.sent_ns <= us(1))`: "µs, not at most 1 µs",
		`threads.all(t, t.stages_ns.module_freed > 0)`:       "thread K1[121]: stages_ns.module_freed was not seen",
	} {
		f := check(t, text, r)
		if f.Holds || !strings.Contains(strings.Join(f.Found, "\n"), says) || f.AtNS == nil {
			t.Errorf("%s: %+v, want %q", text, f, says)
		}
	}
}

// TestRecordings checks real runs of faulty modules: each finding says something, and all of it is fit for a terminal.
func TestRecordings(t *testing.T) {
	files, err := filepath.Glob("../verdict/testdata/recordings/*.kmlab")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d recordings, %v", len(files), err)
	}
	texts := slices.Concat(expect.Examples, []string{
		`verdict.class == "pass"`, `!(verdict.class == "pass")`, `threads.all(t, t.stops == 1 && t.stop_ret == 0)`,
		`crashes.all(c, c.frames.all(f, f.module == "" || f.line > 0))`, `leaks.exists(l, l.kind == "nothing")`,
		`messages.all(m, m.text.size() == 1 && m.level == "x")`, `everything.requests.exists_one(q, q.returned == 7)`,
		`hooks.all(h, h.fired > 1000000)`, `stuck.all(s, s.wait == "x") && commands.all(c, c.argv[0] == "x")`,
	})
	for _, file := range files {
		r := recorded(t, file)
		if f := check(t, `verdict.class in ["pass"]`, r); f.Holds != (r.Verdict.Class == result.Pass) {
			t.Errorf("%s is %s: %+v", file, r.Verdict.Class, f)
		}
		for _, text := range texts {
			f := check(t, text, r)
			all := f.Unknown + strings.Join(f.Found, "")
			if f.Holds != (all == "") || strings.ContainsAny(all, "\x1b\r\n") || len(f.Found) > expect.MaxFound {
				t.Errorf("%s: %s: %+v, %q", file, text, f, all)
			}
		}
	}
}
