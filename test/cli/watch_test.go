// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/result"
)

const (
	// markLimit is how long a program may take to say what a script waits for: a
	// boot under TCG on a busy host has taken a minute.
	markLimit = 3 * time.Minute
	// qemuLine is the command line of a QEMU that runs a guest.
	qemuLine = `^\S*qemu-system\S* .*-kernel`
	// endLimit is how long it may take to end after a signal or a killed QEMU.
	endLimit = 15 * time.Second
)

// watched is a running program whose output is kept and looked through.
type watched struct {
	cmd    *exec.Cmd
	mu     sync.Mutex
	stderr bytes.Buffer
	stdout bytes.Buffer
	ended  chan error
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stderr.Write(p)
}

func (w *watched) said(re *regexp.Regexp) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return re.Match(w.stderr.Bytes())
}

// watch starts a program in a process group of its own, as a shell does, so that
// a signal can reach the group like Ctrl-C.
func watch(ts *testscript.TestScript, argv []string) *watched {
	w := &watched{ended: make(chan error, 1)}
	path := argv[0]
	if path == "kmodlab" {
		path = filepath.Join(ts.Getenv("BIN"), path)
	}
	w.cmd = exec.Command(path, argv[1:]...)
	w.cmd.Dir = ts.MkAbs(".")
	w.cmd.Env = scriptEnv(ts)
	w.cmd.Stdout, w.cmd.Stderr = &w.stdout, w
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	ts.Check(w.cmd.Start())
	go func() { w.ended <- w.cmd.Wait() }()
	ts.Defer(func() { unix.Kill(-w.cmd.Process.Pid, unix.SIGKILL) })
	return w
}

// scriptEnv is what testscript gives its own commands, as far as kmodlab cares.
func scriptEnv(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{"WORK", "PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "KMODLAB_MIRROR"} {
		if v := ts.Getenv(name); v != "" {
			env = append(env, name+"="+v)
		}
	}
	return env
}

// await waits for the steps of a pattern, which " then " separates, one after
// another.
func (w *watched) await(ts *testscript.TestScript, pattern string) {
	for step := range strings.SplitSeq(pattern, " then ") {
		reached := w.condition(ts, step)
		for limit := time.Now().Add(markLimit); !reached(); time.Sleep(20 * time.Millisecond) {
			select {
			case err := <-w.ended:
				w.ended <- err
				if !reached() {
					w.show(ts)
					ts.Fatalf("ended (%v) without %q", err, step)
				}
			default:
			}
			if time.Now().After(limit) {
				w.show(ts)
				ts.Fatalf("no %q in %s", step, markLimit)
			}
		}
	}
}

// condition is one step of a pattern: "process REGEXP" is a command line of a process
// that the program, or one that it started, has started; "idle REGEXP" is such a
// process that has worked and has nothing to do any more; "file GLOB" is a file that
// is not empty; and what is none of these is a regular expression for its stderr.
func (w *watched) condition(ts *testscript.TestScript, step string) func() bool {
	kind, arg, _ := strings.Cut(step, " ")
	switch kind {
	case "process":
		re := compile(ts, arg)
		return func() bool { return len(w.processes(re)) > 0 }
	case "idle":
		return w.idle(compile(ts, arg))
	case "file":
		return func() bool {
			files, err := filepath.Glob(ts.MkAbs(arg))
			ts.Check(err)
			return slices.ContainsFunc(files, func(file string) bool {
				fi, err := os.Stat(file)
				return err == nil && fi.Size() > 0
			})
		}
	}
	re := compile(ts, step)
	return func() bool { return w.said(re) }
}

func compile(ts *testscript.TestScript, pattern string) *regexp.Regexp {
	re, err := regexp.Compile(pattern)
	ts.Check(err)
	return re
}

// processes are those of the program whose command line matches.
func (w *watched) processes(re *regexp.Regexp) []testlab.Process {
	return slices.DeleteFunc(testlab.Descendants(w.cmd.Process.Pid), func(p testlab.Process) bool {
		return !re.MatchString(p.Words())
	})
}

// idle wants a process that has used a second of a processor, and then next to
// nothing for a second.
func (w *watched) idle(re *regexp.Regexp) func() bool {
	var since time.Time
	var before time.Duration
	return func() bool {
		found := w.processes(re)
		if len(found) != 1 {
			return false
		}
		worked, err := found[0].Worked()
		if err != nil {
			return false // it has ended
		}
		if since.IsZero() || worked > before+50*time.Millisecond {
			since, before = time.Now(), worked
		}
		return worked > time.Second && time.Since(since) > time.Second
	}
}

// end waits for the end and checks the status.
func (w *watched) end(ts *testscript.TestScript, status string) { w.endWithin(ts, status, endLimit) }

func (w *watched) endWithin(ts *testscript.TestScript, status string, limit time.Duration) {
	start := time.Now()
	select {
	case err := <-w.ended:
		w.show(ts)
		ts.Logf("[ended after %.1f s]", time.Since(start).Seconds())
		checkStatus(ts, status, err)
	case <-time.After(limit):
		// A Go program then says where each goroutine waits.
		unix.Kill(w.cmd.Process.Pid, unix.SIGQUIT)
		select {
		case <-w.ended:
		case <-time.After(limit):
			unix.Kill(-w.cmd.Process.Pid, unix.SIGKILL)
			<-w.ended
		}
		w.show(ts)
		ts.Fatalf("still there %s later", limit)
	}
}

// show hands the output to the script's stdout and stderr commands.
func (w *watched) show(ts *testscript.TestScript) {
	w.mu.Lock()
	defer w.mu.Unlock()
	io.Copy(ts.Stdout(), bytes.NewReader(w.stdout.Bytes()))
	io.Copy(ts.Stderr(), bytes.NewReader(w.stderr.Bytes()))
}

// sendSignal: signal NAME PATTERN STATUS PROGRAM ARG…
func sendSignal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 4 {
		ts.Fatalf("usage: signal NAME PATTERN STATUS PROGRAM ARG…")
	}
	sig := unix.SignalNum("SIG" + args[0])
	if sig == 0 {
		ts.Fatalf("no signal SIG%s", args[0])
	}
	w := watch(ts, args[3:])
	w.await(ts, args[1])
	ts.Check(unix.Kill(-w.cmd.Process.Pid, sig))
	w.end(ts, args[2])
}

// killQEMU: killqemu PATTERN STATUS PROGRAM ARG…
func killQEMU(ts *testscript.TestScript, neg bool, args []string) {
	signalQEMU(ts, neg, args, "killqemu", unix.SIGKILL, endLimit)
}

// stopQEMU: stopqemu PATTERN STATUS PROGRAM ARG…; the program finds out by its
// deadlines, which are long without KVM.
func stopQEMU(ts *testscript.TestScript, neg bool, args []string) {
	signalQEMU(ts, neg, args, "stopqemu", unix.SIGSTOP, markLimit)
}

func signalQEMU(ts *testscript.TestScript, neg bool, args []string, name string, sig unix.Signal, limit time.Duration) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: %s PATTERN STATUS PROGRAM ARG…", name)
	}
	w := watch(ts, args[2:])
	w.await(ts, args[0]+" then process "+qemuLine)
	found := w.processes(compile(ts, qemuLine))
	if len(found) != 1 {
		ts.Fatalf("found %v, want one QEMU", found)
	}
	ts.Check(unix.Kill(found[0].PID, sig))
	w.endWithin(ts, args[1], limit)
}

// wantVerdict: verdict FILE CLASS REGEXP…
func wantVerdict(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: verdict FILE CLASS REGEXP…")
	}
	text := ts.ReadFile(args[0])
	dec := json.NewDecoder(strings.NewReader(text))
	dec.DisallowUnknownFields()
	var res result.Result
	if err := dec.Decode(&res); err != nil {
		ts.Fatalf("%s is no result: %v", args[0], err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		ts.Fatalf("%s goes on behind the result", args[0])
	}
	if res.Schema != result.Schema {
		ts.Fatalf("schema %q", res.Schema)
	}
	if null := regexp.MustCompile(`"(phases|modules|threads|requests|signals|hooks|crashes|commands)": *null`).FindString(text); null != "" {
		ts.Fatalf("a list is null: %s", null)
	}
	v := res.Verdict
	said := v.Message + "\n" + v.Hint
	ts.Logf("[%s: %s | %s]", v.Class, v.Message, v.Hint)
	if string(v.Class) != args[1] {
		ts.Fatalf("verdict %s, want %s", v.Class, args[1])
	}
	if v.Class != result.Pass && (v.Message == "" || v.Hint == "") {
		ts.Fatalf("a verdict needs words and what to do next: %+v", v)
	}
	for _, pattern := range args[2:] {
		if !regexp.MustCompile(pattern).MatchString(said) {
			ts.Fatalf("the verdict does not say %q: %s", pattern, said)
		}
	}
}

// wantClean looks at everything that a run could leave behind.
func wantClean(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: clean")
	}
	var left []string
	// A process that was killed takes a moment to be gone.
	for limit := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		left = leftOver(ts)
		if len(left) == 0 {
			return
		}
		if time.Now().After(limit) {
			ts.Fatalf("left behind:\n%s", strings.Join(left, "\n"))
		}
	}
}

// wantNoProcess: noprocess; what a program that was killed may leave are files.
func wantNoProcess(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: noprocess")
	}
	for limit := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		left := testlab.ProcessesOf(ts.Getenv("WORK"))
		if len(left) == 0 {
			return
		}
		if time.Now().After(limit) {
			ts.Fatalf("left behind: %v", left)
		}
	}
}

func leftOver(ts *testscript.TestScript) []string {
	return append(testlab.LeftIn(ts.Getenv("WORK"), ts.Getenv("TMPDIR")), testlab.HalfMade(scriptCache(ts))...)
}
