// SPDX-License-Identifier: MIT

package vm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/snapshot"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/result"
)

// shape is what of a story is the same in each run: who did what, in which order,
// and how it ended, without pids and times.
func shape(res *result.Result) []string {
	lines := []string{string(res.Verdict.Class) + ": " + res.Verdict.Message}
	for _, m := range res.Modules {
		lines = append(lines, fmt.Sprintf("module %s loaded %t unloaded %t returned %d needs %v", m.Name, m.Loaded, m.Unloaded, m.InitRet, m.Depends))
	}
	for _, t := range res.Threads {
		if !t.Background {
			lines = append(lines, fmt.Sprintf("thread %s in %s by %s: %s, %d stops, parks %d, flags %v", t.Name, t.Function, t.Requester.Comm, t.Ending, t.Stops, len(t.Parks), t.Flags))
		}
	}
	for _, q := range res.Requests {
		if !q.Background {
			// Of a crowd that asks for one module, anybody may be the first.
			crowd, _, _ := strings.Cut(q.By.Comm, "/")
			lines = append(lines, fmt.Sprintf("request %s by %s: %s, helper %v", q.Name, crowd, q.Meaning, q.Helper != nil))
			for _, name := range q.Loaded {
				lines = append(lines, fmt.Sprintf("request %s loaded %s", q.Name, name))
			}
		}
	}
	for _, s := range res.Signals {
		if !s.Background {
			reason, _, _ := strings.Cut(s.Reason, ";") // then comes what the target did just then
			lines = append(lines, fmt.Sprintf("signal %s to %s: %s %s", s.Name, s.To.Comm, s.Outcome, times.ReplaceAllString(reason, "T")))
		}
	}
	for _, h := range res.Hooks {
		lines = append(lines, fmt.Sprintf("hook %s on %s attached %t proved %t", h.Name, h.Target, h.Attached, h.Proved))
	}
	slices.Sort(lines) // tasks that have nothing to do with each other race, in any two runs
	return lines
}

var times = regexp.MustCompile(`[0-9.]+ [mµ]?s\b`)

// machines is a cache of its own for saved machines, with the kernels and builds of
// the person's.
func machines(t *testing.T) (cache string, store snapshot.Store) {
	t.Helper()
	needs.VM(t)
	machine.Kernel(t, "")
	shared := machine.CacheDir(t)
	cache = t.TempDir()
	for _, name := range []string{"kernels", "symbols", "build"} {
		if err := errors.Join(os.MkdirAll(filepath.Join(shared, name), 0o755), os.Symlink(filepath.Join(shared, name), filepath.Join(cache, name))); err != nil {
			t.Fatal(err)
		}
	}
	return cache, snapshot.Store{Dir: filepath.Join(cache, "machines")}
}

// storeTest runs on machines of a store of its own.
type storeTest struct {
	*testing.T
	cache string
	store snapshot.Store
}

// run wants a pass, on a saved machine or not.
func (s storeTest) run(what string, warm bool, change func(*kmodlab.Spec)) *result.Result {
	s.Helper()
	spec := kmodlab.Spec{Dir: "testdata/warm", For: time.Millisecond, Machine: kmodlab.Machine{Accel: kmodlab.TCG}, Tools: kmodlab.Tools{CacheDir: s.cache}}
	if change != nil {
		change(&spec)
	}
	res := runVM(s.T, spec)
	if res.Verdict.Class != result.Pass || res.Machine.Warm != warm || len(res.Modules) != 1 {
		s.Errorf("%s: %+v, warm %t, %d modules", what, res.Verdict, res.Machine.Warm, len(res.Modules))
	}
	return res
}

func (s storeTest) images(want int) []snapshot.Image {
	s.Helper()
	list, err := s.store.Images()
	if err != nil || len(list) != want {
		s.Fatalf("%d machines are saved, want %d (%v)", len(list), want, err)
	}
	return list
}

// TestMachineStore runs on a saved machine through all that can happen to it. Whatever
// it is, the verdict is right, and says on what it was got.
func TestMachineStore(t *testing.T) {
	cache, store := machines(t)
	s := storeTest{t, cache, store}
	s.run("the first", true, nil)
	key := s.images(1)[0].Key
	if res := s.run("the second", true, nil); !slices.ContainsFunc(res.Phases, func(p result.Phase) bool { return p.Name == "boot" && p.Cached }) {
		t.Errorf("the second did not go on from the first's: %+v", res.Phases)
	}
	s.run("--cold", false, func(s *kmodlab.Spec) { s.Cold = true })
	s.images(1)
	for _, name := range []string{"ram", "state", "facts.json"} {
		if err := os.WriteFile(filepath.Join(store.Dir, key, name), []byte("garbage"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.run("damaged "+name, true, nil)
		s.images(1)
	}
	s.otherQEMU()
	if err := os.RemoveAll(store.Dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(store.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.run("no folder for machines", false, nil)
}

// otherQEMU runs with another QEMU than saved the one machine of the store, and with
// an upgrade of it: each saves a machine of its own.
func (s storeTest) otherQEMU() {
	s.Helper()
	qemu := needs.Program(s, "qemu-system-x86_64")
	own := filepath.Join(s.TempDir(), "qemu-system-x86_64")
	install := func() { // QEMU finds its own parts by its place, so this is a way to it
		s.Helper()
		if err := errors.Join(os.WriteFile(own+"~", []byte("#!/bin/sh\nexec "+qemu+` "$@"`+"\n"), 0o700), os.Rename(own+"~", own)); err != nil {
			s.Fatal(err)
		}
	}
	other := func(spec *kmodlab.Spec) { spec.QEMU = own }
	install()
	s.run("another QEMU", true, other)
	s.images(2)
	install() // an upgrade
	s.run("an upgraded QEMU", true, other)
	s.images(3)
}

// TestFullDisk saves where files may not grow to a machine's size.
func TestFullDisk(t *testing.T) {
	cache, store := machines(t)
	out := filepath.Join(t.TempDir(), "result.json")
	cmd := exec.Command("prlimit", "--fsize=50000000", testlab.Kmodlab(t), "run", "testdata/warm", "--accel", "tcg", "--for", "1ms", "--json", out)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+linkCache(t, cache))
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	if res := machine.ReadResult(t, out); res.Machine.Warm || res.Verdict.Class != result.Pass {
		t.Errorf("%+v on %+v", res.Verdict, res.Machine)
	}
	if list, err := store.Images(); err != nil || len(list) != 0 {
		t.Errorf("saved %v, %v", list, err)
	}
}

// linkCache is a folder whose kmodlab is cache.
func linkCache(t *testing.T, cache string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Symlink(cache, filepath.Join(dir, "kmodlab")); err != nil {
		t.Fatal(err)
	}
	return dir
}

// saveKills are the moments of a save, seen from its folder, in which something dies.
var saveKills = []struct {
	when    string
	reached func(dir string) bool
	qemu    bool // dies, else the program
}{
	{"the folder is made", func(dir string) bool { return blocks(dir) >= 0 }, false},
	{"the guest works in its memory", func(dir string) bool { return blocks(filepath.Join(dir, "ram")) > 0 }, true},
	{"the guest works in its memory", func(dir string) bool { return blocks(filepath.Join(dir, "ram")) > 0 }, false},
	{"QEMU has written its devices", func(dir string) bool { return blocks(filepath.Join(dir, "state")) > 0 }, false},
}

// blocks are those of a file on the disk, -1 where it is not there.
func blocks(path string) int64 {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return -1
	}
	return st.Blocks
}

// TestKilledSaves kills the program, or its QEMU, at each stage of a save. What it
// leaves, no run resumes, and the next save is whole.
func TestKilledSaves(t *testing.T) {
	cache, store := machines(t)
	rounds := 1
	if os.Getenv("KMODLAB_TEST_ALL") == "1" {
		rounds = 5
	}
	home := linkCache(t, cache)
	for range rounds {
		for i, kill := range saveKills {
			tries := 0
			for !killSave(t, store, home, i) {
				if tries++; tries == 5 {
					t.Fatalf("no save was killed when %s", kill.when)
				}
			}
		}
	}
	for range 2 {
		res := runVM(t, kmodlab.Spec{Dir: "testdata/warm", For: time.Millisecond, Machine: kmodlab.Machine{Accel: kmodlab.TCG}, Tools: kmodlab.Tools{CacheDir: cache}})
		if res.Verdict.Class != result.Pass || !res.Machine.Warm {
			t.Errorf("after the kills: %+v on %+v", res.Verdict, res.Machine)
		}
	}
	if _, err := store.Prune(0, 0); err != nil {
		t.Fatal(err)
	}
	left, err := os.ReadDir(store.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range left {
		if e.Name() != "sums.json" {
			t.Errorf("left %s", e.Name())
		}
	}
}

// killSave starts a run that saves a machine and has one of saveKills happen. It
// reports whether that met the save: no machine is saved then.
func killSave(t *testing.T, store snapshot.Store, home string, kill int) (met bool) {
	t.Helper()
	k := saveKills[kill]
	cmd := exec.Command(testlab.Kmodlab(t), "run", "testdata/warm", "--accel", "tcg", "--for", "1ms")
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+home)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	defer cmd.Process.Kill()
	victim := 0
	for limit := time.Now().Add(2 * time.Minute); victim == 0; time.Sleep(time.Millisecond) {
		if len(ended) > 0 || time.Now().After(limit) {
			t.Fatalf("the run came to no save in which %s", k.when)
		}
		drafts := glob(t, store, "*.new")
		if len(drafts) != 1 || !k.reached(drafts[0]) {
			continue
		}
		if victim = cmd.Process.Pid; k.qemu {
			victim = childOf(victim)
		}
	}
	if err := unix.Kill(victim, unix.SIGKILL); err != nil {
		t.Fatalf("kill, when %s: %v", k.when, err)
	}
	<-ended
	images, err := store.Images()
	if err != nil {
		t.Fatal(err)
	}
	for _, image := range images { // the save was faster
		if err := store.Remove(image.Key); err != nil {
			t.Fatal(err)
		}
	}
	for _, refused := range glob(t, store, "*.not") { // it keeps the next from saving for a while
		if err := os.Remove(refused); err != nil {
			t.Fatal(err)
		}
	}
	return len(images) == 0
}

func glob(t *testing.T, store snapshot.Store, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(store.Dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// childOf is a QEMU that the process started, 0 for none.
func childOf(pid int) int {
	for _, child := range testlab.Children(pid) {
		if strings.HasPrefix(filepath.Base(child.Argv0()), "qemu-") {
			return child.PID
		}
	}
	return 0
}

// TestWarmRuns is many runs, four at a time. KMODLAB_WARM_RUNS says how many.
func TestWarmRuns(t *testing.T) {
	cache, store := machines(t)
	count := 12
	if text := os.Getenv("KMODLAB_WARM_RUNS"); text != "" {
		var err error
		if count, err = strconv.Atoi(text); err != nil {
			t.Fatalf("KMODLAB_WARM_RUNS=%s: %v", text, err)
		}
	}
	spec := kmodlab.Spec{Dir: "testdata/warm", For: time.Millisecond, Machine: kmodlab.Machine{Accel: kmodlab.TCG}, Tools: kmodlab.Tools{CacheDir: cache, Agent: testlab.Kmodlab(t)}}
	first := shape(runVM(t, spec))
	before := diskUse(t, store.Dir)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Duration(count)*15*time.Second)
	defer cancel()
	ended := 0
	err := kmodlab.RunAll(ctx, slices.Repeat([]kmodlab.Spec{spec}, count), 4, func(i int, end *kmodlab.Conclusion, err error) {
		ended++
		if err != nil {
			t.Error(err)
		} else if diff := cmp.Diff(first, shape(end.Result)); diff != "" || !end.Machine.Warm {
			t.Errorf("run %d, warm %t, is other than the first (-):\n%s", i, end.Machine.Warm, diff)
		}
	})
	if err != nil || ended != count {
		t.Errorf("%d of %d runs ended: %v", ended, count, err)
	}
	if after := diskUse(t, store.Dir); after != before {
		t.Errorf("the cache grew from %d to %d bytes", before, after)
	}
	if qemu := childOf(os.Getpid()); qemu != 0 {
		t.Errorf("QEMU %d is left", qemu)
	}
}

func diskUse(t *testing.T, dir string) int64 {
	t.Helper()
	out, err := exec.Command("du", "-s", "--block-size=1", dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	size, _, _ := bytes.Cut(out, []byte("\t"))
	n, err := strconv.ParseInt(string(size), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestWarmLikeCold runs every lesson on a machine that was booted and on one that
// goes on: the stories are the same, in order, outcomes and counts.
func TestWarmLikeCold(t *testing.T) {
	for _, dir := range lessons(t) {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			want := readExpectation(t, dir)
			var shapes [2][]string
			for i, cold := range []bool{true, false} {
				spec := want.spec(dir, "")
				spec.Cold, spec.Accel = cold, "tcg"
				res := runVM(t, spec)
				if res.Machine.Warm == cold {
					t.Fatalf("asked for cold %t, the machine is warm %t", cold, res.Machine.Warm)
				}
				wrong, err := want.differences(res)
				if err != nil || len(wrong) > 0 {
					t.Errorf("cold %t: %q, %v", cold, wrong, err)
				}
				if res.Dropped.Total > 0 {
					t.Errorf("cold %t: %d records lost", cold, res.Dropped.Total)
				}
				shapes[i] = shape(res)
			}
			if diff := cmp.Diff(shapes[0], shapes[1]); diff != "" {
				t.Errorf("cold (-) and warm (+) differ:\n%s", diff)
			}
		})
	}
}
