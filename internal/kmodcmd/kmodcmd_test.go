// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

// run runs a command and returns its output with the tree's folder as TREE.
func run(t *testing.T, root, name string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, errs bytes.Buffer
	status = Main(name, args, nil, &out, &errs)
	short := strings.NewReplacer(filepath.Join(root, "lib/modules", kmodtest.Release), "TREE", root, "ROOT")
	return short.Replace(out.String()), short.Replace(errs.String()), status
}

func testRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	base := kmodtest.Module{Info: []string{"license=GPL", "vermagic=" + kmodtest.Kernel, "name=base"},
		Exports: []kmodtest.Export{{Name: "base_sym"}}}
	user := kmodtest.Module{Info: []string{"parmtype=a:int", "parm=a:first", "parm=b:second", "parmtype=c:bool",
		"alias=lab:*", "depends=base", "author=A", "author=B"},
		Needs: []kmodtest.Need{{Name: "base_sym"}}}
	err := kmodtest.WriteTree(root, map[string][]byte{"kernel/base.ko": base.Bytes(), "extra/lab-user.ko": user.Bytes(),
		"modules.order":           []byte("kernel/base.ko\n"),
		"modules.builtin":         []byte("kernel/inside.ko\n"),
		"modules.builtin.modinfo": []byte("inside.license=GPL\x00inside.parm=x:y\x00inside.parmtype=x:int\x00")})
	if err != nil {
		t.Fatal(err)
	}
	if _, errs, status := run(t, root, "depmod", "-b", root, kmodtest.Release); status != 0 || errs != "" {
		t.Fatalf("depmod: %d %s", status, errs)
	}
	return root
}

// commandLines are commands with what they print. ROOT, R and TREE stand for the test's own.
var commandLines = []struct {
	line           string
	status         int
	stdout, stderr string
}{
	{"modprobe -d ROOT -S R -D lab_user", 0, "insmod TREE/kernel/base.ko \ninsmod TREE/extra/lab-user.ko \n", ""},
	{"modprobe -dROOT -SR --show-depends lab-user a=1 b=2", 0,
		"insmod TREE/kernel/base.ko \ninsmod TREE/extra/lab-user.ko a=1 b=2\n", ""},
	{"modprobe -d ROOT --set-version=R -nv lab:x", 0,
		"insmod TREE/kernel/base.ko \ninsmod TREE/extra/lab-user.ko \n", ""},
	{"modprobe -d ROOT -S R -a -D base inside", 0, "insmod TREE/kernel/base.ko \nbuiltin inside\n", ""},
	{"modprobe -d ROOT -S R -R lab:x", 0, "lab_user\n", ""},
	{"modprobe -d ROOT -S R nosuch", 1, "", "modprobe: FATAL: Module nosuch not found in directory TREE\n"},
	{"modprobe -d ROOT -S R -a nosuch", 1, "", "modprobe: WARNING: Module nosuch not found in directory TREE\n"},
	{"modprobe -d ROOT -S R -q -- nosuch", 1, "", ""},
	{"modprobe -q -d ROOT -S R -- inside", 0, "", ""},
	{"modprobe -d ROOT -S R -r nosuch", 1, "", "modprobe: FATAL: Module nosuch not found.\n"},
	{"modprobe -d ROOT -S R -r inside", 1, "", "modprobe: FATAL: Module inside is builtin.\n"},
	{"modprobe -d ROOT -S R -r lab_user", 0, "", ""},
	{"modprobe -d ROOT -S R -r --first-time lab_user", 1, "", "modprobe: FATAL: Module lab_user is not in kernel.\n"},
	{"modprobe -d ROOT -S R --first-time inside", 1, "",
		"modprobe: ERROR: could not insert 'inside': Module already in kernel\n"},
	{"modprobe", 1, "", "modprobe: ERROR: missing parameters. See -h.\n"},
	{"modprobe -x a", 1, "", "modprobe: invalid option -- 'x'\n"},
	{"modprobe --nope a", 1, "", "modprobe: unrecognized option '--nope'\n"},
	{"modprobe a -S", 1, "", "modprobe: option requires an argument -- 'S'\n"},
	{"modprobe --quiet=1 a", 1, "", "modprobe: option '--quiet' doesn't allow an argument\n"},
	{"modprobe --report-fd 1 a", 1, "", "modprobe: ERROR: option --report-fd needs a file descriptor of 3 or higher\n"},
	{"modinfo -b ROOT -k R lab_user", 0,
		"filename:       TREE/extra/lab-user.ko\nalias:          lab:*\ndepends:        base\nauthor:         A\nauthor:         B\n" +
			"parm:           c:bool\nparm:           b:second\nparm:           a:first (int)\n", ""},
	{"modinfo -b ROOT -k R -F author lab-user", 0, "A\nB\n", ""},
	{"modinfo -b ROOT -k R -p lab-user", 0, "c: (bool)\nb:second\na:first (int)\n", ""},
	{"modinfo -n TREE/kernel/base.ko", 0, "TREE/kernel/base.ko\n", ""},
	{"modinfo -b ROOT -k R inside", 0, "name:           inside\nfilename:       (builtin)\nlicense:        GPL\nparm:           x:y (int)\n", ""},
	{"modinfo -b ROOT -k R nosuch", 1, "", "modinfo: ERROR: Module nosuch not found.\n"},
	{"modinfo", 1, "", "modinfo: ERROR: missing module or filename.\n"},
	{"depmod -b ROOT nonsense", 1, "", "depmod: ERROR: Bad version passed nonsense\n"},
	{"depmod -b ROOT 9.9", 1, "", "depmod: ERROR: could not open directory ROOT/lib/modules/9.9: No such file or directory\ndepmod: FATAL: could not search modules: No such file or directory\n"},
	{"depmod 1 2", 1, "", "depmod: FATAL: 2: not absolute path.\n"},
	{"insmod", 1, "", "insmod: ERROR: missing filename.\n"},
	{"insmod ROOT/none.ko", 1, "", "insmod: ERROR: could not load module ROOT/none.ko: No such file or directory\n"},
	{"rmmod", 1, "", "rmmod: ERROR: missing module name.\n"},
	{"rmmod no-such.ko", 1, "", "rmmod: ERROR: Module no_such is not currently loaded\n"},
	{"frobnicate", 1, "", "frobnicate: not a module command; the commands are depmod, insmod, lsmod, modinfo, modprobe, rmmod\n"},
}

func TestCommands(t *testing.T) {
	root := testRoot(t)
	const R = kmodtest.Release
	for _, tc := range commandLines {
		t.Run(tc.line, func(t *testing.T) {
			args := strings.Fields(tc.line)
			for i, a := range args {
				a = strings.ReplaceAll(a, "TREE", filepath.Join(root, "lib/modules", R))
				a = strings.ReplaceAll(a, "ROOT", root)
				if a == "R" || strings.HasSuffix(a, "SR") || strings.HasSuffix(a, "=R") {
					a = strings.TrimSuffix(a, "R") + R
				}
				args[i] = a
			}
			out, errs, status := run(t, root, args[0], args[1:]...)
			if status != tc.status || out != tc.stdout || errs != tc.stderr {
				t.Errorf("status %d, want %d\nstdout %q\n  want %q\nstderr %q\n  want %q", status, tc.status, out,
					tc.stdout, errs, tc.stderr)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	for _, name := range Names() {
		out, errs, status := run(t, "/nowhere", name, "--help")
		if status != 0 || errs != "" || !strings.HasPrefix(out, "Usage: "+name) {
			t.Errorf("%s --help: %d %q %q", name, status, out, errs)
		}
	}
}

func TestDepmodTellsBrokenFilesAndCycles(t *testing.T) {
	root := testRoot(t)
	broken := filepath.Join(root, "lib/modules", kmodtest.Release, "extra/broken.ko")
	if err := os.WriteFile(broken, []byte("text\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, errs, status := run(t, root, "depmod", "-b", root, kmodtest.Release)
	if want := "depmod: ERROR: failed to load symbols from TREE/extra/broken.ko: not a module: text, not ELF\n"; status != 0 || errs != want {
		t.Errorf("%d %q, want %q", status, errs, want)
	}
	ring := kmodtest.Module{Exports: []kmodtest.Export{{Name: "ring_sym"}}, Needs: []kmodtest.Need{{Name: "two_sym"}}}
	two := kmodtest.Module{Exports: []kmodtest.Export{{Name: "two_sym"}}, Needs: []kmodtest.Need{{Name: "ring_sym"}}}
	if err := kmodtest.WriteTree(root, map[string][]byte{"extra/ring.ko": ring.Bytes(),
		"extra/two.ko": two.Bytes()}); err != nil {
		t.Fatal(err)
	}
	if _, errs, status = run(t, root, "depmod", "-b", root, kmodtest.Release); status != 1 ||
		!strings.Contains(errs, "two -> ring -> two") {
		t.Errorf("%d %q", status, errs)
	}
}

func TestPrintModules(t *testing.T) {
	var b bytes.Buffer
	printModules(&b, []kmod.LoadedModule{{Name: "send_signal", Size: 16384, Refcnt: 0},
		{Name: "signal_handling", Size: 163840, Refcnt: 2, Holders: []string{"send_signal", "x"}}})
	want := "Module                  Size  Used by\n" +
		"send_signal            16384  0\n" +
		"signal_handling       163840  2 send_signal,x\n"
	if d := cmp.Diff(want, b.String()); d != "" {
		t.Error(d)
	}
}

func TestReport(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want Error
	}{
		{[]string{"-q", "nosuch"}, Error{Kind: "module not found",
			Message: "module nosuch not found in directory TREE"}},
		{[]string{"-r", "inside"}, Error{Kind: "module is built into the kernel",
			Message: "unload module inside: module is built into the kernel"}},
	} {
		root := testRoot(t)
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		fd, err := syscall.Dup(int(w.Fd())) // the command closes its own
		if err != nil {
			t.Fatal(err)
		}
		w.Close()
		run(t, root, "modprobe", append([]string{"--report-fd", strconv.Itoa(fd), "-d", root, "-S", kmodtest.Release},
			tc.args...)...)
		var got Report
		if err := json.NewDecoder(r).Decode(&got); err != nil {
			t.Fatal(err)
		}
		r.Close()
		if got.Error == nil || got.Loaded == nil || got.Removed == nil {
			t.Fatalf("got %+v", got)
		}
		got.Error.Message = strings.ReplaceAll(got.Error.Message, filepath.Join(root, "lib/modules", kmodtest.Release),
			"TREE")
		if d := cmp.Diff(tc.want, *got.Error); d != "" {
			t.Error(d)
		}
	}
}

// A kernel's refusal goes into the report whole, and below kmod's message.
func TestRefusal(t *testing.T) {
	var errs bytes.Buffer
	c := &command{name: "modprobe", stderr: &errs}
	err := &kmod.LoadError{Op: "finit_module", Module: "dep", Path: "/x/dep.ko", Errno: syscall.ENOEXEC,
		Kmsg: []string{"dep: version magic"}, Cause: "the cause", Hint: "the hint", Kind: kmod.ErrVermagic}
	c.modprobeFailed(&kmod.Tree{}, "top", err, parsed{})
	want := "modprobe: ERROR: could not insert 'top': Exec format error\nmodprobe: the cause\nmodprobe: hint: the hint\n"
	if errs.String() != want {
		t.Errorf("got %q, want %q", errs.String(), want)
	}
	wantError := &Error{Op: "finit_module", Module: "dep", Path: "/x/dep.ko", Errno: 8, ErrnoName: "ENOEXEC",
		Kmsg: err.Kmsg, Cause: "the cause", Hint: "the hint",
		Kind: "module is for another kernel", Message: err.Error()}
	if d := cmp.Diff(wantError, c.report.Error); d != "" {
		t.Error(d)
	}
	errs.Reset()
	c.modprobeFailed(&kmod.Tree{}, "top",
		&kmod.LoadError{Op: "delete_module", Module: "top", Errno: syscall.EAGAIN, Kind: kmod.ErrInUse,
			Cause: "top is used by x"}, parsed{flags: map[string]string{"remove": ""}})
	if want := "modprobe: FATAL: Module top is in use.\nmodprobe: top is used by x\n"; errs.String() != want {
		t.Errorf("got %q, want %q", errs.String(), want)
	}
}

func TestJoinParams(t *testing.T) {
	if got := joinParams([]string{"a=1", "b=x y", `c="q r"`, "d"}); got != `a=1 b="x y" c="q r" d` {
		t.Errorf("got %s", got)
	}
}

// modinfo prints what kmod's prints, for every module of Debian's kernel.
func TestModinfoLikeKmod(t *testing.T) {
	root, release := realTree(t)
	dir := filepath.Join(root, "lib/modules", release)
	modules, builtins := moduleNames(t, dir, "modules.order"), moduleNames(t, dir, "modules.builtin")
	theirs, err := exec.LookPath("modinfo")
	if err != nil {
		needs.Missing(t, "no modinfo here; apt install kmod")
	}
	for _, flags := range [][]string{nil, {"-0"}, {"-p"}, {"-F", "alias"}, {"-F", "signer"}, {"-F", "license"}} {
		args := append(append([]string{"-b", root, "-k", release}, flags...), modules...)
		if slices.Contains(flags, "license") {
			// of built-ins kmod 30 shows the first run of fields only, and
			// newer kernels list device aliases behind all others
			args = append(args, builtins...)
		}
		want, err := exec.Command(theirs, args...).Output()
		if ee, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok || ok && ee.ExitCode() > 1 {
			t.Fatal(err)
		}
		var got, errs bytes.Buffer
		Main("modinfo", args, nil, &got, &errs)
		if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); d != "" {
			t.Errorf("modinfo %v: %s", flags, d)
		}
	}
}

func moduleNames(t *testing.T, dir, list string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, list))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.FieldsSeq(string(data)) {
		names = append(names, kmod.CanonicalName(line))
	}
	return names
}

// realTree is a copy (of links) of Debian's cloud kernel's modules with kmod's index.
func realTree(t *testing.T) (root, release string) {
	t.Helper()
	from := testlab.KernelTrees(t, false)[0]
	root, _ = testlab.LinkTree(t, from)
	release = filepath.Base(from)
	depmod, err := exec.LookPath("depmod")
	if err != nil {
		needs.Missing(t, "no depmod here; apt install kmod")
	}
	if out, err := exec.Command(depmod, "-b", root, release).CombinedOutput(); err != nil {
		t.Fatalf("depmod: %v: %s", err, out)
	}
	return root, release
}
