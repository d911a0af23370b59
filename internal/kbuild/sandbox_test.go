// SPDX-License-Identifier: MIT

package kbuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"

	"github.com/kmodlab/kmodlab/internal/bounds"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/testlab"
)

// Nothing of the host can be read or written from inside.
func TestSandboxHolds(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("s3cret"), 0o644); err != nil {
		t.Fatal(err)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SECRET_TOKEN", "x")
	for _, c := range []struct{ name, line, want string }{
		{"read a host file", "cat " + secret + " || echo held", "held"},
		{"home", "ls -A " + home + " | wc -l", "0"},
		{"write to root", "echo x > /evil", "Read-only file system"},
		// Not a write: while another build runs make, that would fail with ETXTBSY.
		{"change tools", "chmod a+w /usr/bin/make", "Read-only file system"},
		{"write headers", "for f in /lib/modules/*/build/Makefile; do echo x >> $f; done", "Read-only file system"},
		{"sysctl", ": >> /proc/sys/kernel/core_pattern", "Read-only file system"},
		{"sysrq", "echo h > /proc/sysrq-trigger", "cannot create"},
		{"network", "tail -n +3 /proc/net/dev | grep -cv lo:; wc -l < /proc/net/route", "0\n1\n"},
		{"connect", "bash -c 'exec 3<>/dev/tcp/192.0.2.1/80'", "Network is unreachable"},
		{"processes", "ls -d /proc/[0-9]* | wc -l | grep -cx '[0-9]'", "1\n"},
		{"capabilities", "grep -E '^Cap(Eff|Bnd)' /proc/self/status | tr -s '\t' ' '",
			"CapEff: 0000000000000000\nCapBnd: 0000000000000000\n"},
		{"environment", "env | grep -c SECRET_TOKEN; echo $HOME $PWD", "0\n/build /build/src\n"},
		{"mount", "mount -t tmpfs x /usr || echo held", "held"},
		{"namespaces", "unshare -Urm true || unshare -U true || echo held", "held"},
		{"who", "id -u", "0\n"},
		{"devices", "ls /dev | grep -cE '^(sd|vd|nvme|kvm|mem)'", "0\n"},
		{"limits", "ulimit -v; ulimit -f", "4194304\n2097152\n"},
		{"/dev", "echo x > /dev/x || echo held", "held"},
		{"set-id", "cp /bin/sh /tmp/sh; chmod 4755 /tmp/sh || chmod 2755 /tmp/sh || stat -c %a /tmp/sh", "\n755\n"},
		{"set-id from the start", "(umask 0; install -m 6755 /bin/sh /tmp/sh); stat -c %a /tmp/sh", "Operation not permitted"},
		{"keys", `test -z "$(cat /proc/keys /proc/key-users /proc/cmdline 2>&1)" && echo none`, "none\n"},
		{"the command line", "tr '\\0' ' ' < /proc/1/cmdline | cut -d ' ' -f 2-4", "--args 5 --\n"},
		{"keyctl", calls(unix.SYS_KEYCTL, 0, 0xfffffffd, 0), "errno 1\n"},
		{"io_uring", calls(unix.SYS_IO_URING_SETUP, 1, 0, 0), "errno 1\n"},
		{"vsock", calls(unix.SYS_SOCKET, unix.AF_VSOCK, unix.SOCK_STREAM, 0), "errno 97\n"},
		{"a family in more bits", calls(unix.SYS_SOCKET, 1<<32|unix.AF_VSOCK, unix.SOCK_STREAM, 0), "errno 97\n"},
		{"a UNIX socket", calls(unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM, 0), "errno 0\n"},
		{"another way to open", calls(unix.SYS_OPENAT2, 0, 0, 0), "errno 38\n"},
		{"x32", calls(0x40000000|unix.SYS_KEYCTL, 0, 0xfffffffd, 0), "errno 38\n"},
		{"32 bits", strings.Replace(calls(20, 0, 0, 0), "syscall", "int $0x80", 1), "errno 38\n"},
		{"/tmp is counted", "echo x > /tmp/f; cat /build/tmp/f", "x\n"},
		{"shared memory is small", "df -k /dev/shm | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2", "16384\n"},
		{"no terminal", ": 0</dev/tty || echo held", "No such device or address"},
		{"the kernel's log", "ls /dev/kmsg || dmesg || echo held", "held"},
		{"the size", "df -k /build | tail -n 1 | tr -s ' ' | cut -d ' ' -f 2", "2097152\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			said := inSandbox(t, c.line)
			if !strings.Contains(said, c.want) || strings.Contains(said, "s3cret") {
				t.Errorf("%s said %q; want %q", c.line, said, c.want)
			}
		})
	}
}

// TestDenied: each system call on the list is refused, whatever its arguments.
func TestDenied(t *testing.T) {
	numbers := make(map[string]int)
	for n, name := range arch.X86_64.SyscallNumbers {
		numbers[name] = n
	}
	var table strings.Builder
	for _, name := range denied {
		n, known := numbers[name]
		if !known {
			t.Errorf("%s has no number, so it is not refused", name)
		}
		fmt.Fprintf(&table, "{ %d, \"%s\" },", n, name)
	}
	said := inSandbox(t, fmt.Sprintf(`cat > /tmp/t.c <<'EOF'
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
static struct { long n; const char *name; } calls[] = { %s };
int main(void) {
	for (unsigned i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		if (syscall(calls[i].n, -1, -1, -1, -1, -1) != -1 || errno != EPERM)
			printf("%%s: errno %%d\n", calls[i].name, errno);
	printf("%%zu calls\n", sizeof(calls) / sizeof(*calls));
}
EOF
gcc -o /tmp/t /tmp/t.c && /tmp/t`, table.String()))
	if want := fmt.Sprintf("%d calls\n", len(denied)); !strings.HasSuffix(said, want) || strings.Contains(said, "errno") {
		t.Errorf("%s", said)
	}
}

// calls is a shell line that makes a system call and says its errno.
func calls(number, a, b, c int) string {
	return fmt.Sprintf(`cat > /tmp/t.c <<'EOF'
void _start(void) {
	long r;
	asm volatile("syscall" : "=a"(r) : "a"(%dL), "D"(%dL), "S"(%dL), "d"(%dL) : "rcx", "r11", "memory");
	asm volatile("syscall" :: "a"(60L), "D"(r < 0 ? -r : 0));
}
EOF
gcc -nostdlib -static -o /tmp/t /tmp/t.c && /tmp/t; echo errno $?`, number, a, b, c)
}

// inSandbox runs a shell line as a build would run make.
func inSandbox(t *testing.T, line string) string {
	t.Helper()
	steps, err := SandboxRunner{}.Run(context.Background(), testJob(t, line))
	if err != nil {
		t.Fatal(err)
	}
	return steps[0].Raw
}

func testJob(t *testing.T, line string) Job {
	t.Helper()
	return Job{Kernel: testKernel(t), Work: tree(t, map[string]string{"src/": "", "out/": "", "tmp/": ""}),
		SeenAs:  GuestWork,
		Timeout: time.Minute, Commands: []Command{{Argv: []string{"sh", "-c", line}}}}
}

// A build that writes to its sources, and to the host, changes neither.
func TestSourcesStayUntouched(t *testing.T) {
	dir := tree(t, map[string]string{"a.c": source("a"),
		"Makefile": "obj-m := a.o\n$(shell rm -rf /build/src/keep; echo x > " +
			"$(CURDIR)/evil; echo y >> /build/src/a.c)\n", "keep": "k"})
	before, err := readSources(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	build(t, Request{Sources: dir}) // passes or fails, whatever the Makefile does
	after, err := readSources(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if buildID(before, "", nil) != buildID(after, "", nil) {
		t.Error("the build changed the sources")
	}
}

// Whatever a build puts in place of its modules is not followed.
func TestHostileResults(t *testing.T) {
	for name, put := range map[string]func(ko string) error{
		"link to a host file": func(ko string) error { return os.Symlink("/etc/passwd", ko) },
		"fifo":                func(ko string) error { return syscall.Mkfifo(ko, 0o644) },
		"folder":              func(ko string) error { return os.Mkdir(ko, 0o755) },
	} {
		t.Run(name, func(t *testing.T) {
			work := tree(t, map[string]string{"out/lib/modules/6.1/extra/": "", "src/": ""})
			if err := put(filepath.Join(work, "out/lib/modules/6.1/extra/a.ko")); err != nil {
				t.Fatal(err)
			}
			files, err := collect(work, t.TempDir(), "6.1")
			if err != nil || len(files) != 0 {
				t.Errorf("collect = %v, %v; want nothing", files, err)
			}
		})
	}
	t.Run("tree is a link", func(t *testing.T) {
		out := tree(t, map[string]string{"lib/modules/6.1/extra/a.ko": "host's own"})
		work := tree(t, map[string]string{"out/lib": "->" + filepath.Join(out, "lib"), "src/": ""})
		if files, err := collect(work, t.TempDir(), "6.1"); err == nil {
			t.Errorf("collect = %v; want an error", files)
		}
	})
	t.Run("symvers is a link", func(t *testing.T) {
		work := tree(t, map[string]string{"out/": "", "src/Module.symvers": "->/etc/passwd"})
		if files, err := collect(work, t.TempDir(), "6.1"); !errors.Is(err, ErrHostile) {
			t.Errorf("collect = %v, %v; want ErrHostile", files, err)
		}
	})
	t.Run("two of a name", func(t *testing.T) {
		work := tree(t, map[string]string{"out/lib/modules/6.1/extra/a-b.ko": "", "out/lib/modules/6.1/updates/x/a_b.ko": "",
			"src/": ""})
		if _, err := collect(work, t.TempDir(), "6.1"); !errors.Is(err, ErrSameName) ||
			!strings.Contains(err.Error(), "two modules are named a_b, a-b.ko and x/a_b.ko") {
			t.Errorf("collect = %v", err)
		}
	})
}

func TestCollectRelocates(t *testing.T) {
	work := tree(t, map[string]string{"out/lib/modules/7.3/updates/sub/a.ko": "1", "out/lib/modules/7.3/modules.dep": "",
		"src/Module.symvers": "s"})
	dst := t.TempDir()
	files, err := collect(work, dst, "7.3")
	if err != nil || len(files) != 2 || files[0].Path != "lib/modules/7.3/extra/sub/a.ko" {
		t.Fatalf("collect = %+v, %v", files, err)
	}
	if fi, err := os.Stat(filepath.Join(dst, files[0].Path)); err != nil || fi.Mode().Perm() != 0o444 {
		t.Errorf("the module: %v, %v", fi, err)
	}
}

func TestDeadline(t *testing.T) {
	dir := tree(t,
		map[string]string{"Makefile": "obj-m := a.o\n$(info started)\n$(shell sleep 1000 & setsid sleep 1001 & sleep 1002)\n", "a.c": source("a")})
	start := time.Now()
	_, err := build(t, Request{Sources: dir, Timeout: 2 * time.Second})
	if !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "longer than 2s") {
		t.Errorf("Run = %v; want ErrTimeout", err)
	}
	if d := time.Since(start); d > 15*time.Second {
		t.Errorf("it took %v", d)
	}
	noProcess(t, "sleep\x001000", "sleep\x001001", "sleep\x001002")
}

func TestCancel(t *testing.T) {
	dir := tree(t, map[string]string{"Makefile": "obj-m := a.o\n$(shell sleep 1003)\n", "a.c": source("a")})
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(time.Second, cancel)
	cache := filepath.Join(t.TempDir(), "cache")
	_, err := Run(ctx, Request{Kernel: testKernel(t), Sources: dir, Runner: SandboxRunner{}, CacheDir: cache})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v; want context.Canceled", err)
	}
	nothingLeft(t, cache)
	noProcess(t, "sleep\x001003")
}

// A process killed in the middle of a build takes the sandbox along, and the next build, of whatever sources, removes
// what was left.
func TestKilled(t *testing.T) {
	k := testKernel(t)
	dir := tree(t, map[string]string{"root": "->" + k.Root, "cache/": "",
		"src/Makefile": "obj-m := a.o\n$(shell sleep 1005)\n", "src/a.c": source("a")})
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), "KBUILD_TEST_DIR="+dir, "KBUILD_TEST_RELEASE="+k.Release)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	testlab.Eventually(t, "the build runs", func() bool { return len(processes("sleep\x001005")) > 0 })
	cmd.Process.Kill()
	cmd.Wait()
	testlab.Eventually(t, "the sandbox has ended", func() bool { return len(processes("sleep\x001005")) == 0 })
	cache := filepath.Join(dir, "cache")
	if left, _ := filepath.Glob(filepath.Join(cache, "*.work")); len(left) != 1 {
		t.Fatalf("the killed build left %q; this test wants its work folder there", left)
	}
	if _, err := build(t, Request{Sources: tree(t, map[string]string{"Makefile": "obj-m := b.o\n", "b.c": source("b")}),
		CacheDir: cache}); err != nil {
		t.Error(err)
	}
}

// noProcess checks that no process has these parts in its command line.
func noProcess(t *testing.T, parts ...string) {
	t.Helper()
	for _, p := range processes(parts...) {
		t.Errorf("%s is still there", p)
	}
}

func processes(parts ...string) (found []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue // gone meanwhile
		}
		for _, p := range parts {
			if bytes.Contains(text, []byte(p)) {
				found = append(found, fmt.Sprintf("%s: %q", filepath.Dir(f), text))
			}
		}
	}
	return found
}

func TestHugeOutputIsBounded(t *testing.T) {
	dir := tree(t,
		map[string]string{"Makefile": "obj-m := a.o\n$(info begin)\n$(shell yes 0123456789012345678901234567890123456789 | head -c 40000010 >&2)\n$(error the end)\n", "a.c": source("a")})
	var live bytes.Buffer
	_, err := build(t, Request{Sources: dir, Output: &live})
	var e *Error
	if !errors.As(err, &e) || e.Kind != ErrCompile {
		t.Fatalf("Run = %v", err)
	}
	if got := "Makefile:4: the end."; e.Message != got {
		t.Errorf("Run = %s; want %s", e.Message, got)
	}
	if n := len(e.Steps[0].Raw); n < MaxLog/2 || n > MaxLog+1000 || live.Len() > MaxLog+1000 {
		t.Errorf("kept %d bytes, passed %d on", n, live.Len())
	}
}

func TestDiskIsBounded(t *testing.T) {
	for name, line := range map[string]string{
		"files":                 "i=0; while :; do head -c 4000000 /dev/zero >/build/out/$i; i=$((i+1)); [ $i -lt 20 ] || exec sleep 1004; done",
		"a file without a name": "exec 3>/build/f; rm /build/f; head -c 80000000 /dev/zero >&3; exec sleep 1004",
		"a path that is too long": "cd /build; d=$(printf %0200d); for i in $(seq 25); do mkdir $d; cd -P $d; done; " +
			"head -c 80000000 /dev/zero >f; exec sleep 1004",
	} {
		t.Run(name, func(t *testing.T) {
			job := testJob(t, line)
			job.MaxBytes = 20 << 20
			if steps, err := (SandboxRunner{}).Run(context.Background(), job); !errors.Is(err, ErrDisk) || len(steps) != 1 {
				t.Errorf("Run = %v, %v; want ErrDisk", steps, err)
			}
			noProcess(t, "sleep\x001004")
		})
	}
}

// TestAdvise: who builds where nothing bounds the sum is offered the VM.
func TestAdvise(t *testing.T) {
	for why, want := range map[string]int{"": 0, "there are no control groups": 1} {
		var said []string
		SandboxRunner{Log: func(line string) { said = append(said, line) }}.advise(Bounded{Why: why})
		if len(said) != want || want > 0 && !strings.Contains(said[0], "--build vm") {
			t.Errorf("%q: said %q", why, said)
		}
	}
	SandboxRunner{}.advise(Bounded{Why: "there is nobody to tell"})
}

// bounded leaves a test out, aloud, on a machine that cannot bound sums.
func bounded(t *testing.T) {
	t.Helper()
	if way := bounds.Find(); way.Why != "" {
		t.Skip("NOT TESTED: nothing limits the total memory and number of processes here: ", way.Why)
	}
}

// TestMemoryIsBounded: each process stays within its own limit, and their total does not.
func TestMemoryIsBounded(t *testing.T) {
	bounded(t)
	const each, files = 700_000_000, 20 << 20
	processes := sumLimits(Job{MaxBytes: files}).Memory/each + 2
	job := testJob(t, fmt.Sprintf("i=0; while [ $i -lt %d ]; do head -c %d /dev/zero | tail | sleep 20 & i=$((i+1)); done; "+
		"wait; echo all", processes, each))
	job.MaxBytes = files
	steps, err := SandboxRunner{}.Run(t.Context(), job)
	if !errors.Is(err, ErrMemory) || len(steps) != 1 {
		t.Errorf("Run = %v, %v; want ErrMemory", steps, err)
	}
}

// TestProcessesAreBounded: for root, too.
func TestProcessesAreBounded(t *testing.T) {
	bounded(t)
	said := inSandbox(t, "i=0; while [ $i -lt 3000 ]; do sleep 15 & i=$((i+1)); done 2>&1 | tail -n 1; exit 0")
	if !strings.Contains(said, "fork") {
		t.Errorf("3,000 processes were not too many: %q", said)
	}
}

// TestHidden: what a build writes is in no file of this machine.
func TestHidden(t *testing.T) {
	job := testJob(t, "echo s3cret-name > /build/tmp/s3cret; sleep 1006")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan struct{})
	go func() { defer close(ended); SandboxRunner{}.Run(ctx, job) }()
	testlab.Eventually(t, "the build runs", func() bool { return len(processes("sleep\x001006")) > 0 })
	for _, name := range []string{"tmp/s3cret", "src/s3cret", "out/s3cret"} {
		if _, err := os.Lstat(filepath.Join(job.Work, name)); err == nil {
			t.Errorf("%s lies on this machine's disk", name)
		}
	}
	cancel()
	<-ended
	noProcess(t, "sleep\x001006")
}

func TestNoBwrap(t *testing.T) {
	dir := tree(t, map[string]string{"Makefile": "obj-m := a.o\n", "a.c": source("a")})
	_, err := build(t, Request{Sources: dir, Runner: SandboxRunner{Bwrap: "no-such-bwrap"}})
	var e *Error
	if !errors.As(err, &e) || e.Kind != ErrNoBwrap || !e.Host() ||
		!strings.Contains(err.Error(), "apt-get install bubblewrap") {
		t.Errorf("Run = %v; want ErrNoBwrap", err)
	}
}

// A bubblewrap that is refused its namespaces says so in its own words; the texts are those of 0.8 under different
// refusals.
func TestNamespacesForbidden(t *testing.T) {
	for _, said := range []string{
		"bwrap: No permissions to create new namespace, likely because the kernel does not allow non-privileged user namespaces. See <https://deb.li/bubblewrap> or <file:///usr/share/doc/bubblewrap/README.Debian.gz>.",
		"bwrap: Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces exceeded (ENOSPC)",
		"bwrap: setting up uid map: Permission denied",
		"bwrap: loopback: Failed RTM_NEWADDR: Operation not permitted",
	} {
		fake := filepath.Join(t.TempDir(), "bwrap")
		if err := os.WriteFile(fake, []byte("#!/bin/sh\necho '"+said+"' >&2\nexit 1\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		dir := tree(t, map[string]string{"Makefile": "obj-m := a.o\n", "a.c": source("a")})
		_, err := build(t, Request{Sources: dir, Runner: SandboxRunner{Bwrap: fake}})
		var e *Error
		if !errors.As(err, &e) || e.Kind != ErrNoNamespace || !strings.Contains(err.Error(), "--build vm") {
			t.Errorf("%s: Run = %v; want ErrNoNamespace", said, err)
		}
	}
	// The same words from a Makefile mean a failed build.
	dir := tree(t, map[string]string{"Makefile": "$(error bwrap: setting up uid map: Permission denied)\n"})
	if _, err := build(t, Request{Sources: dir}); !errors.Is(err, ErrCompile) {
		t.Errorf("a Makefile that plays bubblewrap: %v; want ErrCompile", err)
	}
}

func TestNamespaceHint(t *testing.T) {
	for _, c := range []struct{ file, value, want string }{
		{"user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=10000"},
		{"kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"},
		{"kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"},
		{"kernel/apparmor_restrict_unprivileged_userns", "0", "build in the VM: --build vm"},
	} {
		sys := tree(t, map[string]string{c.file: c.value + "\n"})
		if got := namespaceHint(sys); !strings.Contains(got, c.want) {
			t.Errorf("namespaceHint(%s=%s) = %q; want %q", c.file, c.value, got, c.want)
		}
	}
}

// An ordinary user builds as well as root does. Root's cache is closed to others, so the tool tree is shown to that
// user in another place.
func TestSandboxUnprivileged(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: this is an ordinary user, so every other test shows it")
	}
	k := testKernel(t)
	dir, err := os.MkdirTemp("/var/tmp", "kmodlab-test-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	fill(t, dir, map[string]string{"root/": "", "cache/": "", "src/Makefile": "obj-m := a.o\n", "src/a.c": source("a")})
	self, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "test"), self, 0o755)
	}
	for _, d := range []string{"", "cache"} {
		err = errors.Join(err, os.Chown(filepath.Join(dir, d), 65534, 65534))
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", "-m", "sh", "-c",
		`mount --bind "$1" "$2/root" && cd "$2" && exec setpriv --reuid 65534 --regid 65534 --clear-groups ./test`, "sh",
		k.Root, dir)
	cmd.Env = append(os.Environ(), "KBUILD_TEST_DIR="+dir, "KBUILD_TEST_RELEASE="+k.Release, "HOME="+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "uid 65534 built a=a.ko in sandbox\n") {
		t.Errorf("as an ordinary user: %v\n%s", err, out)
	}
	nothingLeft(t, filepath.Join(dir, "cache"))
}

// TestMain also plays the ordinary user of TestSandboxUnprivileged and the lab machine of TestHereRunner.
func TestMain(m *testing.M) {
	r := Request{Runner: SandboxRunner{}}
	if dir := os.Getenv("KBUILD_TEST_DIR"); dir != "" {
		r.Sources, r.CacheDir = filepath.Join(dir, "src"), filepath.Join(dir, "cache")
		r.Kernel = &kernel.Kernel{Name: "test", Release: os.Getenv("KBUILD_TEST_RELEASE"), Root: filepath.Join(dir, "root"),
			ID: "test"}
	} else if release := os.Getenv("KBUILD_TEST_HERE"); release != "" {
		r.Sources, r.CacheDir, r.Runner = os.Getenv("KBUILD_TEST_SOURCES"), os.Getenv("KBUILD_TEST_CACHE"), HereRunner{}
		r.Kernel = &kernel.Kernel{Name: "host", Release: release, Root: "/", ID: "test"}
	} else {
		testlab.Main(m)
	}
	b, err := Run(context.Background(), r)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Printf("uid %d built %s in %s\n%s\n", os.Getuid(), rels(b), b.Where, strings.Join(b.Steps[0].Argv, " "))
}
