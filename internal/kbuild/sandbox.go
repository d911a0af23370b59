// SPDX-License-Identifier: MIT

package kbuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// SandboxRunner runs the commands through bubblewrap over the kernel's Root: with their own namespaces, no network,
// nothing writable but the work folder, and no capabilities. It needs no root.
//
// All that a build writes is in a file system of its own, in memory: nothing of it ever lies on this machine's disk but
// the results, as plain files. Limits: Job.MaxBytes and 200,000 files there, 4 GiB of address space per process, 1 GiB
// per file (2 GiB where sh is bash), 1,024 processes unless we are root, whom the kernel exempts, and, where this
// machine has a way to bound a sum (package bounds), what all processes have together.
type SandboxRunner struct {
	Bwrap string // bubblewrap's program; empty: bwrap in PATH
	// Log is told what a person should know before sources are built that nobody trusts; nil for nobody.
	Log func(line string)
}

// Name returns Sandbox.
func (SandboxRunner) Name() Where { return Sandbox }

// Run implements Runner.
func (r SandboxRunner) Run(ctx context.Context, job Job) ([]Step, error) {
	bwrap, err := r.find()
	if err != nil {
		return nil, err
	}
	r.advise(Bounds())
	mounts, err := rootMounts(job.Kernel.Root, job.Kernel.BuildDir())
	if err != nil {
		return nil, hostError("read "+job.Kernel.Root, err)
	}
	args := append(mounts, sandboxArgs(job)...)
	if canDisableUserns(ctx, bwrap) {
		args = append(args, "--disable-userns")
	}
	filter, err := seccompFilter()
	if err != nil {
		return nil, hostError("set up the sandbox", err)
	}
	return newSandboxed(job).run(ctx, bwrap, filter, args)
}

// inMemory is a file without a name.
func inMemory(content []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("kmodlab", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), "memfd")
	if _, err = f.Write(content); err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (r SandboxRunner) find() (string, error) {
	name := r.Bwrap
	if name == "" {
		name = "bwrap"
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", &Error{Kind: ErrNoBwrap, Cause: err, Message: "the sandbox needs bubblewrap, which is not installed",
			Hint: "apt-get install bubblewrap, or build in the VM: --build vm"}
	}
	return path, checkDevNull()
}

// checkDevNull refuses a /dev/null that is missing, or a regular file in its place, which bubblewrap would give to the
// build writable.
func checkDevNull() error {
	fi, err := os.Stat(os.DevNull)
	if err == nil && fi.Mode()&fs.ModeCharDevice != 0 {
		return nil
	}
	why := "is not a device"
	if err != nil {
		why = "is missing"
	}
	return &Error{Kind: ErrHost, Cause: err, Message: "the sandbox needs /dev/null, which " + why + " on this machine",
		Hint: "mknod -m 666 /dev/null c 1 3, or build in the VM: --build vm"}
}

// canDisableUserns checks for an option that came with bubblewrap 0.8. With it, a build cannot create namespaces of its
// own, in which it would have capabilities again.
func canDisableUserns(ctx context.Context, bwrap string) bool {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	help, _ := exec.CommandContext(ctx, bwrap, "--help").CombinedOutput()
	return bytes.Contains(help, []byte("--disable-userns"))
}

// advise offers the VM where nothing bounds what a build takes in total.
func (r SandboxRunner) advise(limits Bounded) {
	if r.Log != nil && limits.Why != "" {
		r.Log("a build's memory is limited per process on this machine, not in total: " +
			"build untrusted sources with --build vm (kmodlab doctor says why)")
	}
}

// sharedBytes is the size of /dev/shm.
const sharedBytes = 16 << 20

// sandboxArgs is everything but the toolchain's mounts. /tmp lives in the work folder, where it is counted; besides
// these only the small /dev/shm can be written to. /proc becomes read-only because bubblewrap leaves /proc/sys as it
// is: root, even without any capability, still owns the files there and could set core_pattern for the host. What it
// says of this machine's keys and boot is covered by empty files, the descriptors 6, 7 and 10.
func sandboxArgs(job Job) []string {
	args := []string{
		"--unshare-all", "--unshare-user", "--uid", "0", "--gid", "0", "--hostname", "kmodlab",
		"--die-with-parent", "--new-session", "--cap-drop", "ALL",
		"--proc", "/proc", "--dev", "/dev",
		"--size", strconv.FormatInt(maxBytes(job), 10), "--tmpfs", job.SeenAs,
		"--symlink", job.SeenAs + "/tmp", "/tmp",
		"--size", strconv.Itoa(sharedBytes), "--tmpfs", "/dev/shm",
		"--ro-bind-data", "6", "/proc/keys", "--ro-bind-data", "7", "/proc/cmdline",
		"--ro-bind-data", "10", "/proc/key-users",
		"--remount-ro", "/", "--remount-ro", "/proc", "--remount-ro", "/dev",
		"--chdir", job.SeenAs, "--json-status-fd", "3", "--seccomp", "4", "--clearenv",
	}
	for _, kv := range job.Env() {
		k, v, _ := strings.Cut(kv, "=")
		args = append(args, "--setenv", k, v)
	}
	return args
}

// rootMounts mounts the toolchain's tree read-only, entry by entry: its top folder need not have our mount points, and
// we cannot create them there. Of the host's tree only what compilers need is visible, so neither /home nor /etc.
func rootMounts(root, buildDir string) ([]string, error) {
	if root == "/" {
		return hostMounts(buildDir)
	}
	list, err := os.ReadDir(root)
	if err != nil {
		return nil, err
	}
	var args []string
	for _, d := range list {
		switch d.Name() {
		case "proc", "dev", "sys", "tmp", "run", filepath.Base(GuestWork):
		default:
			args = append(args, mountOf(filepath.Join(root, d.Name()), "/"+d.Name())...)
		}
	}
	return args, nil
}

func hostMounts(buildDir string) ([]string, error) {
	var args []string
	tops, err := filepath.Glob("/lib*")
	if err != nil {
		return nil, err
	}
	tops = append(tops, "/usr", "/bin", "/sbin", "/etc/alternatives", "/etc/ld.so.cache")
	for _, p := range tops {
		args = append(args, mountOf(p, p)...)
	}
	return append(args, buildMounts(buildDir)...), nil
}

// buildMounts shows a person's own kernel tree, which can be anywhere and whose build folder may point to its sources.
func buildMounts(buildDir string) []string {
	var args []string
	seen := map[string]bool{}
	for _, p := range []string{buildDir, filepath.Join(buildDir, "source")} {
		target, err := filepath.EvalSymlinks(p)
		if err != nil {
			continue // make explains it better
		}
		for _, at := range []string{target, p} {
			if seen[at] || strings.HasPrefix(at, "/usr/") || strings.HasPrefix(at, "/lib/") ||
				strings.HasPrefix(at, buildDir+"/") {
				continue
			}
			seen[at] = true
			args = append(args, "--ro-bind", target, at)
		}
	}
	return args
}

// mountOf shows one path, a link as a link, and nothing if it does not exist.
func mountOf(path, at string) []string {
	fi, err := os.Lstat(path)
	switch {
	case err != nil:
		return nil
	case fi.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		if err != nil {
			return nil
		}
		return []string{"--symlink", target, at}
	case fi.IsDir() || fi.Mode().IsRegular():
		return []string{"--ro-bind", path, at}
	}
	return nil
}

// setupError tells a sandbox that could not be set up from a command that failed. Both exit with 1 and both can print
// anything, but bubblewrap reports an exit code on its own descriptor only if the command did start.
func setupError(s Step, status io.Reader) error {
	report, err := io.ReadAll(io.LimitReader(status, 64<<10))
	if err != nil {
		return hostError("read bubblewrap's status", err)
	}
	switch {
	case s.Exit == 0 || bytes.Contains(report, []byte(`"exit-code"`)):
		return nil
	case s.Exit > 128: // the build cannot reach bubblewrap's first process
		e := hostError("run the sandbox", fmt.Errorf("bubblewrap was killed: exit status %d", s.Exit))
		e.Hint = killedHint
		return e
	}
	said := lastLine(s.Raw)
	e := &Error{Kind: ErrHost, Message: "set up the sandbox: " + said, Hint: "build in the VM: --build vm"}
	for _, sign := range []string{"namespace", "uid map", "gid map", "RTM_NEWADDR", "Operation not permitted",
		"Permission denied"} {
		if strings.Contains(said, sign) {
			e.Kind, e.Hint = ErrNoNamespace, namespaceHint("/proc/sys")
			break
		}
	}
	return e
}

// namespaceHint finds the setting that forbids user namespaces.
func namespaceHint(sys string) string {
	for _, k := range []struct {
		file string
		bad  int
		cure string
	}{
		{"user/max_user_namespaces", 0, "user.max_user_namespaces=10000"},
		{"kernel/unprivileged_userns_clone", 0, "kernel.unprivileged_userns_clone=1"},
		{"kernel/apparmor_restrict_unprivileged_userns", 1, "kernel.apparmor_restrict_unprivileged_userns=0"},
	} {
		text, err := os.ReadFile(filepath.Join(sys, k.file))
		if err != nil {
			continue
		}
		if n, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && n == k.bad {
			return fmt.Sprintf("allow user namespaces: sysctl -w %s, or build in the VM: --build vm", k.cure)
		}
	}
	return "build in the VM: --build vm"
}

// CheckSandbox reports whether the sandbox works on this machine: nil, or an *Error with what to do. It runs one empty
// sandbox, in some 10 ms.
func CheckSandbox(ctx context.Context) error {
	bwrap, err := SandboxRunner{}.find()
	if err != nil {
		return err
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, bwrap, "--die-with-parent", "--unshare-all", "--unshare-user", "--uid", "0",
		"--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--", "true")
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second // a bubblewrap that is killed early leaves a child, which has the pipe open
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &exit) && ctx.Err() == nil:
		return setupError(Step{Raw: out.String(), Exit: exit.ExitCode()}, strings.NewReader(""))
	}
	return hostError("run bubblewrap", err)
}
