// SPDX-License-Identifier: MIT

package vm

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/result"
)

// fault is a file modules/faults/FOLDER/NAME.json. It says what to run, and which verdict the run must get.
type fault struct {
	name, dir string

	Load    []string     `json:"load"`
	Params  []string     `json:"params"`
	Verdict result.Class `json:"verdict"`
	Message string       `json:"message"` // a part of the verdict's message
	// Function and Line are the guilty place in a module, or the place that took what leaked: "fn [module]" and
	// "file.c:12".
	Function string `json:"function"`
	Line     string `json:"line"`
	// On holds what is different on a kernel, and why, by the kernel's name.
	On map[string]*other `json:"on"`
}

// other is what another kernel does with a fault. An empty field is the same as on other kernels.
type other struct {
	Why      string `json:"why"`
	Message  string `json:"message"`
	Function string `json:"function"`
	Line     string `json:"line"`
}

// on returns the fault as a kernel should see it.
func (f fault) on(kernel string) fault {
	o := f.On[kernel]
	if o == nil {
		return f
	}
	f.Message = cmp.Or(o.Message, f.Message)
	f.Function, f.Line = cmp.Or(o.Function, f.Function), cmp.Or(o.Line, f.Line)
	return f
}

func readFaults(t *testing.T) []fault {
	t.Helper()
	files, err := filepath.Glob("../../modules/faults/*/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("found no faults in modules/faults: %v", err)
	}
	var faults []fault
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f := fault{name: strings.TrimSuffix(filepath.Base(file), ".json"), dir: filepath.Dir(file)}
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		faults = append(faults, f)
	}
	return faults
}

// TestFaultFiles checks without a VM that every module has a verdict, and that everything that the files name is there.
func TestFaultFiles(t *testing.T) {
	faults := readFaults(t)
	loaded := map[string]bool{}
	mended := 0
	for _, f := range faults {
		if f.Verdict == "" || len(f.Load) == 0 {
			t.Errorf("%s/%s.json: it names no verdict or no module", f.dir, f.name)
		}
		for _, m := range f.Load {
			source, err := os.ReadFile(filepath.Join(f.dir, m+".c"))
			if err != nil {
				t.Errorf("%s/%s.json: %v", f.dir, f.name, err)
			}
			loaded[filepath.Join(f.dir, m+".c")] = true
			for _, request := range requested.FindAllSubmatch(source, -1) {
				loaded[filepath.Join(f.dir, string(request[1])+".c")] = true
			}
		}
		if strings.HasSuffix(f.name, "_fixed") {
			mended++
			if f.Verdict != result.Pass {
				t.Errorf("%s is mended and must get %q", f.name, f.Verdict)
			}
		}
		checkFaultLine(t, f)
		for kernel, o := range f.On {
			if o.Why == "" || f.Verdict == result.Pass {
				t.Errorf("%s: on %s it is different, and the file does not say why", f.name, kernel)
			}
		}
	}
	if len(faults)-mended < 30 || mended < 10 {
		t.Errorf("%d faults and %d mended ones: want 30 and 10", len(faults)-mended, mended)
	}
	sources, err := filepath.Glob("../../modules/faults/*/*.c")
	if err != nil || len(sources) == 0 {
		t.Fatalf("found no modules: %v", err)
	}
	for _, c := range sources {
		if !loaded[c] {
			t.Errorf("%s: no fault loads it", c)
		}
		name := strings.TrimSuffix(filepath.Base(c), ".c")
		folder, err := os.ReadFile(filepath.Join(filepath.Dir(c), "Kbuild"))
		if err != nil {
			t.Error(err)
		}
		if !strings.Contains(string(folder), "obj-m += "+name+".o\n") {
			t.Errorf("%s is not in the Kbuild beside it", c)
		}
	}
}

// requested finds the modules that a module itself requests.
var requested = regexp.MustCompile(`request_module\("(\w+)"\)`)

// checkFaultLine compares the line with the mark in the source.
func checkFaultLine(t *testing.T, f fault) {
	if f.Line == "" {
		return
	}
	file, _, _ := strings.Cut(f.Line, ":")
	source, err := os.ReadFile(filepath.Join(f.dir, file))
	if err != nil {
		t.Errorf("%s: %v", f.name, err)
		return
	}
	for i, line := range strings.Split(string(source), "\n") {
		if strings.Contains(line, "/* fault */") {
			if want := fmt.Sprintf("%s:%d", file, i+1); f.Line != want {
				t.Errorf("%s says line %s, the mark is at %s", f.name, f.Line, want)
			}
			return
		}
	}
	t.Errorf("%s has no /* fault */", file)
}

// faultSample is what make test runs: one fault of each kind, and one mended fault.
var faultSample = []string{
	"null_thread", "null_exit", "spin_init", "no_should_stop", "kmalloc_leak", "proc_left", "init_enodev",
	"kmalloc_leak_fixed",
}

// TestFaults runs every fault on two kernels if KMODLAB_TEST_FAULTS is set (make test-faults), else the sample on one
// kernel. It prints each fault with the expected and the actual verdict.
func TestFaults(t *testing.T) {
	onKernels(t, "KMODLAB_TEST_FAULTS", "KMODLAB_FAULT_KERNEL", testFaults)
}

func testFaults(t *testing.T, kernel string, all bool) {
	table := newVerdicts()
	for _, f := range readFaults(t) {
		if all || slices.Contains(faultSample, f.name) {
			table.run(t, f.name, f.Verdict, func(t *testing.T) result.Verdict { return f.on(kernel).run(t, kernel) })
		}
	}
	table.end(t, kernel)
}

// run runs a fault and compares the result.
func (f fault) run(t *testing.T, kernel string) result.Verdict {
	limit := time.Second // tenfold without KVM
	if f.Verdict == result.Hung || f.Verdict == result.Lockup {
		limit = 400 * time.Millisecond // more time would not end a hang
	}
	spec := kmodlab.Spec{
		Dir:         f.dir,
		Load:        f.Load,
		Params:      f.Params,
		StepTimeout: limit,
		Machine:     kmodlab.Machine{Kernel: kernel},
	}
	return f.compare(t, kernel, runVM(t, spec))
}

// compare compares a result with what the fault must get.
func (f fault) compare(t *testing.T, kernel string, res *result.Result) result.Verdict {
	t.Helper()
	v := res.Verdict
	if v.Class != f.Verdict || !strings.Contains(v.Message, f.Message) {
		t.Errorf("%s on %s: verdict %s (%s), want %s with %q", f.name, kernel, v.Class, v.Message, f.Verdict, f.Message)
	}
	if v.Class != result.Pass && v.Hint == "" {
		t.Errorf("%s: the verdict has no hint", f.name)
	}
	if v.Class == result.Pass && len(v.Also) > 0 {
		t.Errorf("%s: a pass, and also %+v", f.name, v.Also)
	}
	f.checkPlace(t, res)
	return v
}

// checkPlace checks that the verdict points to the fault's function and line. The place may be the guilty frame of the
// report that decided the verdict, the task that is stuck, or the place that took what leaked. If the crash is in code
// that is gone, the place is what was found armed or alive before the crash.
func (f fault) checkPlace(t *testing.T, res *result.Result) {
	t.Helper()
	if f.Function == "" && f.Line == "" {
		return
	}
	var places []string
	see := func(function, file string, line int) {
		places = append(places, fmt.Sprintf("%s at %s:%d", compiled.ReplaceAllString(function, ""), file, line))
	}
	for i := range res.Crashes {
		c := &res.Crashes[i]
		g := c.GuiltyFrame()
		if g == nil {
			continue
		}
		decided := strings.HasPrefix(res.Verdict.Message, c.Title)
		if decided || strings.Contains(res.Verdict.Message, "; an earlier out-of-memory report was in "+g.Place()) {
			see(fmt.Sprintf("%s [%s]", g.Function, g.Module), g.File, g.Line)
		}
		if decided {
			break
		}
	}
	for _, s := range res.Stuck {
		see(functionOf(s.Site), s.File, s.Line)
	}
	for _, l := range res.Leaks {
		see(functionOf(l.Site), l.File, l.Line)
		if _, armed, ok := strings.Cut(l.What, ", for "); ok {
			see(armed, "", 0)
		}
	}
	for _, th := range res.Threads {
		if th.Alive {
			see(th.Function, "", 0)
			at := res.Sources[th.Requester.Site]
			see(functionOf(th.Requester.Site), at.File, at.Line)
		}
	}
	if !slices.ContainsFunc(places, func(p string) bool {
		function, line, _ := strings.Cut(p, " at ")
		right := f.Function == "" || function == f.Function || strings.HasPrefix(function, f.Function+" [")
		return right && (f.Line == "" || line == f.Line)
	}) {
		t.Errorf("%s: it points to %q, want %s at %s", f.name, places, f.Function, f.Line)
	}
}

// compiled is what a compiler appends to the name of a function that it has changed.
var compiled = regexp.MustCompile(`\.(?:constprop|isra|part)\.\d+|\.cold\b`)

// functionOf removes the offset from "fn+0x1 [module]".
func functionOf(site string) string {
	function, rest, _ := strings.Cut(site, "+")
	if _, module, ok := strings.Cut(rest, " "); ok {
		return function + " " + module
	}
	return function
}
