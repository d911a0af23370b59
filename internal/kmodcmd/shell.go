// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/kmod"
)

// RuleError says that a command of modprobe.d failed.
type RuleError struct {
	Verb, Command, Module string // install or remove
	Status                string
}

func (e *RuleError) Error() string {
	return fmt.Sprintf("the %s command '%s' for module %s failed: %s", e.Verb, e.Command, e.Module, e.Status)
}

// Unwrap gives the errno that kmod's commands report for it.
func (e *RuleError) Unwrap() error { return syscall.EINVAL }

// rulesCount: in a VM of kmodlab's the program is /init, and the kernel's helper
// there loads what it is asked for: a rule that was copied from a machine is not
// to keep a module under test from loading. The guest's command line can ask for
// the rules (kmodlab.install), and so can a flag.
func rulesCount(p parsed) bool {
	if p.has("run-install") {
		return true
	}
	if exe, err := os.Readlink("/proc/self/exe"); err != nil || exe != "/init" {
		return true
	}
	cmdline, err := os.ReadFile("/proc/cmdline")
	return err == nil && slices.Contains(strings.Fields(string(cmdline)), "kmodlab.install")
}

func (c *command) runInstall(s kmod.Step, p parsed) error {
	// kmod puts the parameters in as they are, too.
	return c.shell("install", s.Name, strings.ReplaceAll(s.Command, "$CMDLINE_OPTS", s.Params), s.Command, p)
}

func (c *command) runRemove(name, cmd string, p parsed) error {
	return c.shell("remove", name, cmd, cmd, p)
}

// shell runs a rule's command as kmod does: by /bin/sh, with the module's name
// and our own options in the environment, for the modprobe that it may call.
func (c *command) shell(verb, name, line, written string, p parsed) error {
	env := slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, "MODPROBE_MODULE=") || strings.HasPrefix(s, "MODPROBE_OPTIONS=")
	})
	env = append(env, "MODPROBE_MODULE="+name)
	if options := passedOn(p); options != "" {
		env = append(env, "MODPROBE_OPTIONS="+options)
	}
	process, err := os.StartProcess("/bin/sh", []string{"sh", "-c", line}, &os.ProcAttr{Env: env, Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil {
		return fmt.Errorf("run the %s command for %s: %w", verb, name, err)
	}
	state, err := process.Wait()
	if err != nil {
		return fmt.Errorf("run the %s command for %s: %w", verb, name, err)
	}
	if state.Success() {
		return nil
	}
	status := fmt.Sprintf("exit status %d", state.ExitCode())
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		status = "killed by " + unix.SignalName(ws.Signal())
	}
	return &RuleError{Verb: verb, Command: written, Module: name, Status: status}
}

// passedOn are the options that count for a modprobe in a rule's command, too;
// kmod leaves -d and -S out.
func passedOn(p parsed) string {
	var words []string
	for _, path := range p.repeated["config"] {
		if strings.ContainsAny(path, " \t'") {
			path = `"` + path + `"`
		}
		words = append(words, "-C", path)
	}
	if p.has("verbose") {
		words = append(words, "-v")
	}
	if p.has("quiet") {
		words = append(words, "-q")
	}
	return strings.Join(words, " ")
}

// syslogWriter sends lines to the machine's log instead of stderr. Where there
// is none they are lost, as with syslog(3).
type syslogWriter struct{ name string }

func (w *syslogWriter) Write(line []byte) (int, error) {
	const daemonNotice = 3<<3 | 5
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return len(line), nil
	}
	defer unix.Close(fd)
	if unix.Connect(fd, &unix.SockaddrUnix{Name: "/dev/log"}) == nil {
		_, _ = fmt.Fprintf(fdWriter(fd), "<%d>%s[%d]: %s", daemonNotice, w.name, os.Getpid(), strings.TrimPrefix(string(line), w.name+": "))
	}
	return len(line), nil
}

type fdWriter int

func (fd fdWriter) Write(b []byte) (int, error) { return unix.Write(int(fd), b) }
