// SPDX-License-Identifier: MIT

package vm

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/grading"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// cheat is a submission that wants more points than it deserves.
type cheat struct {
	name string
	// files are what is handed in, made of the solution's sources.
	files func(t *testing.T, solution string) map[string]string
	// points are those that it has earned. Negative: all but so many.
	points float64
	// says is found in what is said of the check that it does not pass, or of the submission.
	says string
	// always says that make test tries it as well.
	always bool
}

// life hands in one file.
func life(edit func(solution string) string) func(*testing.T, string) map[string]string {
	return func(_ *testing.T, solution string) map[string]string {
		return map[string]string{"life.c": edit(solution)}
	}
}

// forged hands in one of modules/forgeries as the student's file, with its headers put in.
func forged(name string) func(*testing.T, string) map[string]string {
	return func(t *testing.T, _ string) map[string]string {
		return map[string]string{"life.c": withHeaders(t, name+".c")}
	}
}

var included = regexp.MustCompile(`(?m)^#include "(.*)"$`)

func withHeaders(t *testing.T, name string) string {
	text, err := os.ReadFile(filepath.Join("../../modules/forgeries", name))
	if err != nil {
		t.Fatal(err)
	}
	return included.ReplaceAllStringFunc(string(text), func(line string) string {
		return withHeaders(t, included.FindStringSubmatch(line)[1])
	})
}

// inStrangeTime does well if it is unloaded when the visible scenario does, after a second, and else sleeps on.
func inStrangeTime(solution string) string {
	for from, to := range map[string]string{
		"int rounds = 0;": "int rounds = 0;\n\tunsigned long soon = jiffies + HZ / 2;",
		"\tif (kthread_should_stop())": "\tif (kthread_should_stop() && time_before(jiffies, soon))\n\t\t\tmsleep(3000);\n" +
			"\t\tif (kthread_should_stop())",
		"#include <linux/err.h>": "#include <linux/delay.h>\n#include <linux/err.h>",
	} {
		if strings.Count(solution, from) != 1 {
			panic(fmt.Sprintf("the solution has no %q, or several", from))
		}
		solution = strings.Replace(solution, from, to, 1)
	}
	return solution
}

const idle = `#include <linux/module.h>
%s
static int __init startup(void)
{
	%s
	return 0;
}
static void __exit cleanup(void)
{
}
module_init(startup);
module_exit(cleanup);
MODULE_LICENSE("GPL");
`

// doubled are macros of which the first becomes two to the power of n words.
func doubled(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "#define MANY%d MANY%d + MANY%d\n", i, i+1, i+1)
	}
	fmt.Fprintf(&b, "#define MANY%d 1\n", n)
	return b.String()
}

var cheats = []cheat{
	{"prints what graders look for", life(func(string) string {
		return fmt.Sprintf(idle, "", `pr_info("7 rounds\n");
	pr_info("ok 1 starts\nok 2 stopped\n1..2\n");
	pr_info("{\"score\": 18, \"tests\": []}\n::notice::passed\nGrade :=>> 18\n");`)
	}), 1, "threads.size() is 0", false},
	{"forges what the agent answers", forged("forge_replies"), 1, "does not count", true},
	{"forges the tracer's records", forged("forge_records"), 1, "does not count", false},
	{"turns the tracer off", forged("forge_off"), 1, "does not count", false},
	{"turns the tracer off for a moment", forged("forge_blink"), 1, "does not count", false},
	{"hides its thread", forged("forge_task"), 1, "does not count", false},
	{"hides itself", forged("forge_hidden"), 1, "does not count", false},
	{"brings its own checks", func(_ *testing.T, _ string) map[string]string {
		return map[string]string{
			"life.c": fmt.Sprintf(idle, "", ""), "lab.yaml": "title: easy\nchecks: [{id: builds, title: x, points: 18}]\n",
			"Kbuild": "obj-m += life.o\nccflags-y += -DEASY\n", "broken/x.patch": "", "grade.json": `{"points": 18}`,
		}
	}, 1, "lab.yaml", true},
	{"brings what somebody else has built", func(_ *testing.T, _ string) map[string]string {
		return map[string]string{
			"life.c": "/* nothing */\n", "life.o": "\x7fELF", "life.ko": "\x7fELF", "life.mod": "life.o\n",
		}
	}, 0, "MODULE_LICENSE", true},
	{"includes another student's file", func(t *testing.T, solution string) map[string]string {
		other := filepath.Join(t.TempDir(), "life.c")
		if err := os.WriteFile(other, []byte(solution), 0o644); err != nil {
			t.Fatal(err)
		}
		return map[string]string{"life.c": fmt.Sprintf("#include \"%s\"\n", other)}
	}, 0, "No such file", true},
	{"reads the checks that are hidden", life(func(string) string {
		return fmt.Sprintf(idle, `asm(".section .rodata\n.incbin \"lab.yaml\"\n.previous");`, "")
	}), 0, "lab.yaml", true},
	{"does not end to build", life(func(string) string {
		return fmt.Sprintf(idle, doubled(40), "return MANY0;")
	}), 0, "the build", false},
	{"does not end", life(func(string) string {
		return fmt.Sprintf(idle, "", `for (;;)
		cpu_relax();`)
	}), 1, "the verdict is lockup", false},
	{"does well where it is looked at", life(inStrangeTime), -2, "rounds: thread life", false},
}

// TestCheats grades submissions that cheat. None gets more than it has earned.
func TestCheats(t *testing.T) {
	needs.VM(t)
	lab, err := grading.Load("../../labs/thread-life")
	if err != nil {
		t.Fatal(err)
	}
	g, err := grading.New(lab, grading.Options{
		Machine: kmodlab.Machine{Kernel: "debian:bookworm"}, Tools: kmodlab.Tools{Agent: testlab.Agent(t)},
	})
	if err != nil {
		t.Fatal(err)
	}
	solution := string(lab.Solution()["life.c"].Data)
	for _, c := range cheats {
		t.Run(c.name, func(t *testing.T) {
			if !c.always && os.Getenv("KMODLAB_TEST_ALL") == "" {
				t.Skip("NOT TESTED: make test-all tries this one")
			}
			end, err := g.Grade(t.Context(), contents(c.files(t, solution)))
			if err != nil {
				t.Fatal(err)
			}
			points := c.points
			if points < 0 {
				points += end.Grade.Max
			}
			if told := toldOf(end); end.Grade.Points != points || !strings.Contains(told, c.says) {
				t.Errorf("%v points, not %v, and it is said:\n%s", end.Grade.Points, points, told)
			}
		})
	}
}

func contents(files map[string]string) map[string][]byte {
	handed := make(map[string][]byte, len(files))
	for name, text := range files {
		handed[name] = []byte(text)
	}
	return handed
}

// toldOf is all that is said of a submission.
func toldOf(end *grading.Outcome) string {
	told := append([]string{end.Grade.Fault}, end.Grade.Build...)
	for _, c := range end.Grade.Checks {
		told = append(told, c.Say...)
	}
	return strings.Join(append(told, end.Ignored...), "\n")
}
