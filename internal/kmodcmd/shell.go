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

// rulesCount reports whether install and remove rules apply. In a VM of kmodlab, where the
// program is /init, they do not: a rule copied from some machine must not keep a module under
// test from loading. The guest's command line can enable them (kmodlab.install), and so can a
// flag.
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
	// Like kmod, it inserts the parameters unquoted.
	return c.shell("install", s.Name, strings.ReplaceAll(s.Command, "$CMDLINE_OPTS", s.Params), s.Command, p)
}

func (c *command) runRemove(name, cmd string, p parsed) error {
	return c.shell("remove", name, cmd, cmd, p)
}

// shell runs a rule's command as kmod does: with /bin/sh, and with the module's name and our
// own options in the environment, for a modprobe that it may call.
func (c *command) shell(verb, name, line, written string, p parsed) error {
	env := slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, "MODPROBE_MODULE=") || strings.HasPrefix(s, "MODPROBE_OPTIONS=")
	})
	env = append(env, "MODPROBE_MODULE="+name)
	if options := passedOn(p); options != "" {
		env = append(env, "MODPROBE_OPTIONS="+options)
	}
	attr := &os.ProcAttr{Env: env, Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}}
	process, err := os.StartProcess("/bin/sh", []string{"sh", "-c", line}, attr)
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

// passedOn are the options that also apply to a modprobe in a rule's command; like kmod,
// without -d and -S.
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

// syslogWriter sends lines to the system log instead of stderr. Without one they are lost, as
// with syslog(3).
type syslogWriter struct{ name string }

func (w *syslogWriter) Write(line []byte) (int, error) {
	const daemonNotice = 3<<3 | 5
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return len(line), nil
	}
	defer unix.Close(fd)
	if unix.Connect(fd, &unix.SockaddrUnix{Name: "/dev/log"}) == nil {
		text := strings.TrimPrefix(string(line), w.name+": ")
		_, _ = fmt.Fprintf(fdWriter(fd), "<%d>%s[%d]: %s", daemonNotice, w.name, os.Getpid(), text)
	}
	return len(line), nil
}

type fdWriter int

func (fd fdWriter) Write(b []byte) (int, error) { return unix.Write(int(fd), b) }
