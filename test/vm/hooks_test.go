// SPDX-License-Identifier: MIT

package vm

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/result"
)

// hookTable holds what the hooks did in all runs on a kernel, by the kernel's series ("6.1") and the hook's name.
type hookTable map[string]map[string]result.Hook

func (h hookTable) add(res *result.Result) {
	kernel := series(res.Machine.Kernel)
	if kernel == "" {
		return // the kernel did not boot, and the run says so
	}
	if h[kernel] == nil {
		h[kernel] = map[string]result.Hook{}
	}
	for _, hook := range res.Hooks {
		if was, ok := h[kernel][hook.Name]; ok {
			hook.Proved = hook.Proved || was.Proved
			hook.Attached = hook.Attached && was.Attached
			hook.Fired += was.Fired
		}
		h[kernel][hook.Name] = hook
	}
}

// hookCell returns what the table says about one hook on one kernel.
func hookCell(h result.Hook) string {
	switch {
	case h.Name == "":
		return "" // not among this kernel's hooks
	case !h.Attached:
		return "none"
	case !h.Proved:
		return h.Kind + ", silent"
	case h.Fallback != "":
		return h.Kind + " ²"
	}
	return h.Kind
}

// kernels returns the columns, oldest kernel first.
func (h hookTable) kernels() []string {
	return slices.SortedFunc(maps.Keys(h), func(a, b string) int { return versionOf(a) - versionOf(b) })
}

func versionOf(series string) int {
	var major, minor int
	fmt.Sscanf(series, "%d.%d", &major, &minor)
	return major<<16 | minor
}

// hookNames returns the rows, in the order in which the tracer reports the hooks.
func hookNames(res *result.Result) []string {
	var names []string
	for _, h := range res.Hooks {
		names = append(names, h.Name)
	}
	return names
}

// markdown returns the table, with a list of the reasons below it.
func (h hookTable) markdown(names []string) string {
	kernels := h.kernels()
	var b strings.Builder
	fmt.Fprintf(&b, "| hook | target | %s |\n|---|---|%s\n",
		strings.Join(kernels, " | "), strings.Repeat("---|", len(kernels)))
	for _, name := range names {
		var targets []string
		cells := []string{name, ""}
		for _, kernel := range kernels {
			hook := h[kernel][name]
			if !slices.Contains(targets, hook.Target) && hook.Attached {
				targets = append(targets, hook.Target)
			}
			cells = append(cells, hookCell(hook))
		}
		cells[1] = strings.Join(targets, ", ")
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	b.WriteString("\n" + h.reasons(kernels, names))
	return b.String()
}

// reasons says for each kernel why a hook is not the first choice, or is missing.
func (h hookTable) reasons(kernels, names []string) string {
	var b strings.Builder
	for _, kernel := range kernels {
		byReason := map[string][]string{}
		for _, name := range names {
			hook := h[kernel][name]
			why := hook.Fallback
			if !hook.Attached {
				why = hook.Note
			}
			if why != "" {
				why = strings.ReplaceAll(why, name, "HOOK")
				why, _, _ = strings.Cut(why, " (") // cut off how long the verifier's log was
				byReason[why] = append(byReason[why], name)
			}
		}
		for _, why := range slices.Sorted(maps.Keys(byReason)) {
			lines := strings.ReplaceAll(why, "; ", ";\n  ") // a second choice has a reason of its own
			fmt.Fprintf(&b, "- %s, %s: %s\n", kernel, strings.Join(byReason[why], ", "), lines)
		}
	}
	return b.String()
}

// parseHookTable reads the cells back, by kernel and hook.
func parseHookTable(text string) map[string]map[string]string {
	table := map[string]map[string]string{}
	var kernels []string
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case len(cells) < 3:
		case kernels == nil:
			kernels = cells[2:]
			for _, k := range kernels {
				table[k] = map[string]string{}
			}
		case len(cells) == len(kernels)+2:
			for i, k := range kernels {
				table[k][cells[0]] = cells[i+2]
			}
		}
	}
	return table
}

// The table stands between these lines of docs/events.md.
const (
	tableBegin = "<!-- The table: make test-kernels UPDATE=1 writes it. -->\n"
	tableEnd   = "<!-- The end of the table. -->\n"
)

// check prints the table and compares it with the one in the document. If KMODLAB_UPDATE is set, it writes the table
// there instead.
func (h hookTable) check(t *testing.T, path string, names []string) {
	t.Helper()
	h.checkBetween(t, path, names, tableBegin, tableEnd)
}

// checkBetween is check for the table between two lines.
func (h hookTable) checkBetween(t *testing.T, path string, names []string, tableBegin, tableEnd string) {
	t.Helper()
	if len(h) == 0 {
		return // each run has already said why
	}
	fmt.Print(h.markdown(names))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(data), tableBegin)
	old, after, ends := strings.Cut(rest, tableEnd)
	if !begins || !ends {
		t.Fatalf("%s lacks the lines between which the table is written:\n%s%s", path, tableBegin, tableEnd)
	}
	if os.Getenv("KMODLAB_UPDATE") != "" {
		h.update(t, path, before+tableBegin+"\n"+h.markdown(names)+"\n"+tableEnd+after)
		return
	}
	documented := parseHookTable(old)
	for _, kernel := range h.kernels() {
		for _, name := range names {
			if got, want := hookCell(h[kernel][name]), documented[kernel][name]; got != want {
				t.Errorf("%s on %s: %q, but %q in %s; make test-kernels UPDATE=1 writes that anew", name, kernel, got, want, path)
			}
		}
	}
}

// update writes the table only if it is whole. It also writes after a lesson went wrong, since the test fails anyway.
func (h hookTable) update(t *testing.T, path, text string) {
	t.Helper()
	if len(h) != len(allKernels) {
		t.Fatalf("%s is not written: the table has %d of %d kernels", path, len(h), len(allKernels))
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestHookTable writes a table and reads it back.
func TestHookTable(t *testing.T) {
	h := hookTable{}
	names := []string{"asked", "answered", "silent", "missing"}
	for release, first := range map[string]result.Hook{
		"6.1.0-56-cloud-amd64": {Name: "asked", Kind: "fentry", Target: "f", Attached: true, Proved: true, Fired: 1},
		"5.10.0-32-cloud-amd64": {
			Name: "asked", Kind: "kprobe", Target: "__f", Attached: true, Proved: true, Fallback: "load asked: no f",
		},
		"6.12.117+deb13-generic":  {Name: "asked", Kind: "fentry", Target: "f", Attached: true, Proved: true},
		"7.3.4+deb13-cloud-amd64": {Name: "asked", Kind: "fentry", Target: "f", Attached: true, Proved: true},
	} {
		kernel := result.Machine{Kernel: release}
		h.add(&result.Result{Machine: kernel, Hooks: []result.Hook{
			first,
			{Name: "answered", Kind: "fexit", Attached: true},
			{Name: "silent", Kind: "fexit", Attached: true},
			{Name: "missing", Kind: "fexit", Note: "no such function"},
		}})
		h.add(&result.Result{Machine: kernel, Hooks: []result.Hook{
			first,
			{Name: "answered", Kind: "fexit", Attached: true, Proved: true},
		}})
	}
	if got := h.kernels(); !slices.Equal(got, []string{"5.10", "6.1", "6.12", "7.3"}) {
		t.Errorf("kernels %q", got)
	}
	text := h.markdown(names)
	table := parseHookTable(text)
	for name, want := range map[string]string{
		"asked": "fentry", "answered": "fexit", "silent": "fexit, silent", "missing": "none",
	} {
		if got := table["6.1"][name]; got != want {
			t.Errorf("%s on 6.1: %q, want %q in\n%s", name, got, want, text)
		}
	}
	if got := table["5.10"]["asked"]; got != "kprobe ²" {
		t.Errorf("asked on 5.10: %q", got)
	}
	for _, want := range []string{
		"| asked | __f, f |",
		"- 5.10, asked: load HOOK: no f\n",
		"- 7.3, missing: no such function\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if h["6.1"]["asked"].Fired != 2 {
		t.Errorf("fired %d times in two runs, want 2", h["6.1"]["asked"].Fired)
	}
}
