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

// shape returns the part of a story that is the same in each run: which task did what, and how it ended, without pids
// and times.
func shape(res *result.Result) []string {
	lines := []string{string(res.Verdict.Class) + ": " + res.Verdict.Message}
	for _, m := range res.Modules {
		lines = append(lines, fmt.Sprintf("module %s loaded %t unloaded %t returned %d needs %v",
			m.Name, m.Loaded, m.Unloaded, m.InitRet, m.Depends))
	}
	for _, t := range res.Threads {
		if !t.Background {
			lines = append(lines, fmt.Sprintf("thread %s in %s by %s: %s, %d stops, parks %d, flags %v",
				t.Name, t.Function, t.Requester.Comm, t.Ending, t.Stops, len(t.Parks), t.Flags))
		}
	}
	for _, q := range res.Requests {
		if !q.Background {
			// If several tasks request one module, any of them may be the first.
			crowd, _, _ := strings.Cut(q.By.Comm, "/")
			lines = append(lines, fmt.Sprintf("request %s by %s: %s, helper %v", q.Name, crowd, q.Meaning, q.Helper != nil))
			for _, name := range q.Loaded {
				lines = append(lines, fmt.Sprintf("request %s loaded %s", q.Name, name))
			}
		}
	}
	for _, s := range res.Signals {
		if !s.Background {
			reason, _, _ := strings.Cut(s.Reason, ";") // then comes what the target did at that moment
			reason = times.ReplaceAllString(reason, "T")
			lines = append(lines, fmt.Sprintf("signal %s to %s: %s %s", s.Name, s.To.Comm, s.Outcome, reason))
		}
	}
	for _, h := range res.Hooks {
		lines = append(lines, fmt.Sprintf("hook %s on %s attached %t proved %t", h.Name, h.Target, h.Attached, h.Proved))
	}
	slices.Sort(lines) // unrelated tasks race, so their order differs between runs
	return lines
}

var times = regexp.MustCompile(`[0-9.]+ [mµ]?s\b`)

// machines makes a cache of its own for snapshots. Its kernels and builds are those of the person's cache.
func machines(t *testing.T) (cache string, store snapshot.Store) {
	t.Helper()
	needs.VM(t)
	machine.Kernel(t, "")
	shared := machine.CacheDir(t)
	cache = filepath.Join(t.TempDir(), "kmodlab") // for XDG_CACHE_HOME it is the folder above
	if err := os.Mkdir(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kernels", "symbols", "build"} {
		target := filepath.Join(shared, name)
		err := errors.Join(os.MkdirAll(target, 0o755), os.Symlink(target, filepath.Join(cache, name)))
		if err != nil {
			t.Fatal(err)
		}
	}
	return cache, snapshot.Store{Dir: filepath.Join(cache, "machines")}
}

// warmSpec returns a run of the module that does nothing, without KVM, with the snapshots of cache.
func warmSpec(cache string) kmodlab.Spec {
	return kmodlab.Spec{
		Dir:     "testdata/warm",
		For:     time.Millisecond,
		Machine: kmodlab.Machine{Accel: kmodlab.TCG},
		Tools:   kmodlab.Tools{CacheDir: cache},
	}
}

// storeTest runs on machines with a store of its own.
type storeTest struct {
	*testing.T
	cache string
	store snapshot.Store
}

// run checks that a run passes, on a restored machine or on one that booted.
func (s storeTest) run(what string, warm bool, change func(*kmodlab.Spec)) *result.Result {
	s.Helper()
	spec := warmSpec(s.cache)
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

// TestMachineStore checks all that can happen to a snapshot. Whatever it is, the verdict is right, and the result says
// on what kind of machine the run was.
func TestMachineStore(t *testing.T) {
	cache, store := machines(t)
	s := storeTest{t, cache, store}
	s.run("the first", true, nil)
	key := s.images(1)[0].Key
	restored := func(p result.Phase) bool { return p.Name == "boot" && p.Cached }
	if res := s.run("the second", true, nil); !slices.ContainsFunc(res.Phases, restored) {
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

// otherQEMU runs with another QEMU than the one that saved the store's snapshot, and then with an upgrade of that other
// QEMU. Each saves a snapshot of its own.
func (s storeTest) otherQEMU() {
	s.Helper()
	qemu := needs.Program(s, "qemu-system-x86_64")
	own := filepath.Join(s.TempDir(), "qemu-system-x86_64")
	install := func(version string) { // a script that runs QEMU, since QEMU finds its own parts by its path
		s.Helper()
		script := "#!/bin/sh\n# " + version + "\nexec " + qemu + ` "$@"` + "\n"
		if err := errors.Join(os.WriteFile(own+"~", []byte(script), 0o700), os.Rename(own+"~", own)); err != nil {
			s.Fatal(err)
		}
	}
	other := func(spec *kmodlab.Spec) { spec.QEMU = own }
	install("1")
	s.run("another QEMU", true, other)
	s.images(2)
	install("1") // the same one again
	s.run("a QEMU that was installed again", true, other)
	s.images(2)
	install("2")
	s.run("an upgraded QEMU", true, other)
	s.images(3)
}

// TestFullDisk saves a snapshot where files may not grow to its size.
func TestFullDisk(t *testing.T) {
	cache, store := machines(t)
	out := filepath.Join(t.TempDir(), "result.json")
	cmd := exec.Command("prlimit", "--fsize=50000000",
		testlab.Kmodlab(t), "run", "testdata/warm", "--accel", "tcg", "--for", "1ms", "--json", out)
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+filepath.Dir(cache))
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

// saveKills are the moments of a save at which something is killed. They are seen from the folder of the save.
var saveKills = []struct {
	when    string
	reached func(dir string) bool
	qemu    bool // kill QEMU, else the program
}{
	{"the folder is made", func(dir string) bool { return blocks(dir) >= 0 }, false},
	{"the guest works in its memory", func(dir string) bool { return blocks(filepath.Join(dir, "ram")) > 0 }, true},
	{"the guest works in its memory", func(dir string) bool { return blocks(filepath.Join(dir, "ram")) > 0 }, false},
	{"QEMU has written its devices", func(dir string) bool { return blocks(filepath.Join(dir, "state")) > 0 }, false},
}

// blocks returns how many blocks a file has on the disk, or -1 if there is no such file.
func blocks(path string) int64 {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return -1
	}
	return st.Blocks
}

// TestKilledSaves kills the program, or its QEMU, at each stage of a save. No run resumes what the save leaves behind,
// and the next save is whole.
func TestKilledSaves(t *testing.T) {
	cache, store := machines(t)
	rounds := 1
	if os.Getenv("KMODLAB_TEST_ALL") == "1" {
		rounds = 5
	}
	home := filepath.Dir(cache)
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
		res := runVM(t, warmSpec(cache))
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

// killSave starts a run that saves a snapshot, and carries out one of saveKills. It reports whether the kill met the
// save: then no snapshot is there.
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
	for _, image := range images { // the save was faster than the kill
		if err := store.Remove(image.Key); err != nil {
			t.Fatal(err)
		}
	}
	for _, refused := range glob(t, store, "*.not") { // it keeps the next run from saving for a while
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

// childOf returns the pid of a QEMU that the process started, or 0 if there is none.
func childOf(pid int) int {
	for _, child := range testlab.Children(pid) {
		if strings.HasPrefix(filepath.Base(child.Argv0()), "qemu-") {
			return child.PID
		}
	}
	return 0
}

// TestWarmRuns does many runs, four at a time. KMODLAB_WARM_RUNS says how many.
func TestWarmRuns(t *testing.T) {
	cache, store := machines(t)
	count := 12
	if text := os.Getenv("KMODLAB_WARM_RUNS"); text != "" {
		var err error
		if count, err = strconv.Atoi(text); err != nil {
			t.Fatalf("KMODLAB_WARM_RUNS=%s: %v", text, err)
		}
	}
	spec := warmSpec(cache)
	spec.Agent = testlab.Agent(t)
	first := shape(runVM(t, spec))
	before := diskUse(t, store.Dir)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Duration(count)*15*time.Second)
	defer cancel()
	ended := 0
	specs := slices.Repeat([]kmodlab.Spec{spec}, count)
	err := kmodlab.RunAll(ctx, specs, 4, func(i int, end *kmodlab.Conclusion, err error) {
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

// TestWarmLikeCold runs every lesson on a machine that booted and on a restored one. The stories have the same order,
// outcomes and counts.
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
				if wrong := want.differences(res); len(wrong) > 0 {
					t.Errorf("cold %t: %q", cold, wrong)
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
