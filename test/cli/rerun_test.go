// SPDX-License-Identifier: MIT

package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/internal/testlab/pty"
)

// countModule is a module that prints what it is told.
func countModule(says string) string {
	return `#include <linux/module.h>
static int __init count_init(void)
{
	pr_info("` + says + `\n");
	return 0;
}
module_init(count_init);
static void __exit count_exit(void)
{
}
module_exit(count_exit);
MODULE_LICENSE("GPL");
`
}

// save writes a file at once, as editors do: another one takes its name. That one is not in the watched folder, for on
// a busy machine it might be seen there.
func save(t *testing.T, path, text string) {
	t.Helper()
	tmp := filepath.Join(filepath.Dir(filepath.Dir(path)), "saving")
	if err := os.WriteFile(tmp, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, path); err != nil {
		t.Fatal(err)
	}
}

// rerun is a run with --watch on a terminal.
type rerun struct {
	*pty.Terminal
	t      *testing.T
	source string
	saves  int // how many runs there have been again
}

// save saves the module's source, which begins a run.
func (r *rerun) save(text string) {
	r.t.Helper()
	save(r.t, r.source, text)
	r.saves++
}

// startRerun watches a folder with one module; DIR in the arguments stands for it.
func startRerun(t *testing.T, args ...string) *rerun {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "count")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	r := &rerun{t: t, source: filepath.Join(dir, "count.c")}
	save(t, filepath.Join(dir, "Kbuild"), "obj-m := count.o\n")
	save(t, r.source, countModule("count is 3"))
	args = append([]string{"run", "--watch", dir}, args...)
	for i, a := range args {
		args[i] = strings.ReplaceAll(a, "DIR", dir)
	}
	r.Terminal = onTerminal(t, 100, 60, args...)
	return r
}

// says waits for a text of the newest run, which stands below the last separator.
func (r *rerun) says(pattern string) string {
	r.t.Helper()
	re := regexp.MustCompile("(?m)" + pattern)
	var last string
	r.Await(pattern, 5*time.Minute, func(string) bool {
		all := r.All()
		last = all[strings.LastIndex(all, "\n── ")+1:]
		return strings.Count(all, "\n── ") == r.saves && re.MatchString(last)
	})
	return last
}

const waits = `^watching .*/count, Ctrl-C ends this …`

// TestRerun edits a module while it is watched.
func TestRerun(t *testing.T) {
	needs.VM(t)
	machine.Kernel(t, "")
	r := startRerun(t, "--for", "0s")
	first := r.says(waits)
	if !strings.Contains(first, "The story") || !strings.Contains(first, "count is 3") || strings.Contains(first, "── ") {
		t.Errorf("the first run is not as usual:\n%s", first)
	}
	r.save(countModule("count is 5"))
	second := r.says(waits)
	for _, want := range []string{
		`^── \d\d:\d\d:\d\d  count\.c changed$`, `^pass: 1 module loaded and unloaded`,
		`^changed since \d\d:\d\d:\d\d:\n  count prints "count is 5", not "count is 3"$`,
	} {
		if !regexp.MustCompile("(?m)" + want).MatchString(second) {
			t.Errorf("no %s in\n%s", want, second)
		}
	}
	if strings.Contains(second, "The story") {
		t.Errorf("the whole story again:\n%s", second)
	}
	r.save(countModule("count is 5") + "nonsense\n")
	s := r.says(waits)
	if !strings.Contains(s, "count.c:13:1: error: ") || !regexp.MustCompile(`(?m)^build: count\.c:13`).MatchString(s) {
		t.Errorf("a build that fails says\n%s", s)
	}
	r.save(countModule("count is 5"))
	r.says(`^the story is as it was at \d\d:\d\d:\d\d\n(.*\n)*` + waits)
	quiet := r.All()
	dir := filepath.Dir(r.source)
	for _, name := range []string{"count.o", "count.ko", ".count.o.cmd", ".count.c.swp", "count.c~"} {
		save(t, filepath.Join(dir, name), "x")
	}
	save(t, r.source, countModule("count is 5")) // the same
	r.save(countModule("count is 6"))            // changes are told in their order: whatever they begin has begun
	r.says(`^── \d\d:\d\d:\d\d  count\.c changed$(.*\n)*` + waits)
	if now := r.All(); strings.Count(now, "\n── ") != strings.Count(quiet, "\n── ")+1 {
		t.Errorf("what is no source began a run:\n%s", now)
	}
	r.Type("\x03")
	if status := r.Wait(20 * time.Second); status != 0 {
		t.Errorf("exit status %d", status)
	}
	const end = "kmodlab: interrupted; nothing is left behind; the last verdict was pass"
	if all := r.All(); !strings.HasSuffix(strings.TrimSpace(all), end) {
		t.Errorf("the end is\n%s", all)
	}
	r.Check()
}

// TestRerunMeanwhile saves during a run, with a file written into the folder, and ends it during another run.
func TestRerunMeanwhile(t *testing.T) {
	needs.VM(t)
	machine.Kernel(t, "")
	r := startRerun(t, "--for", "1h", "-o", "DIR/story.txt")
	dir := filepath.Dir(r.source)
	r.says(`^running the modules`)
	r.save("#error no\n" + countModule("count is 4"))
	s := r.says(waits)
	if !regexp.MustCompile(`(?m)^build: count\.c:1`).MatchString(s) || strings.Contains(r.All(), "count is 3") {
		t.Errorf("the screen is\n%s", r.All())
	}
	// The story that was written beside the sources is no change; what follows it is.
	text, err := os.ReadFile(filepath.Join(dir, "story.txt"))
	if err != nil || !strings.Contains(string(text), "build: ") {
		t.Errorf("story.txt: %v, %s", err, text)
	}
	if err := os.WriteFile(filepath.Join(dir, "new.h"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r.saves++
	r.says(`^── \d\d:\d\d:\d\d  new\.h changed\n(.*\n)*` + waits)
	r.save(countModule("count is 4"))
	r.says(`^running the modules`)
	r.Type("\x03")
	if status := r.Wait(20 * time.Second); status != 1 {
		t.Errorf("exit status %d, want that of the last verdict", status)
	}
	if all := r.All(); !strings.Contains(all, "kmodlab: interrupted; nothing is left behind; the last verdict was build") {
		t.Errorf("the end is\n%s", all)
	}
	r.Check()
}
