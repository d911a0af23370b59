// SPDX-License-Identifier: MIT

package repo

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// coreTools are the programs that setup.sh itself uses. Every Debian has them.
var coreTools = []string{
	"sh", "dirname", "id", "head", "tail", "grep", "sed", "cat", "mktemp", "rm", "uname", "env", "mkdir", "chmod",
}

// goTool returns a script that prints what "go version" of Go 1.N prints. setup.sh asks for nothing else.
func goTool(minor string) string {
	return "#!/bin/sh\necho go version go1." + minor + " linux/amd64\n"
}

// machine makes a folder that stands for a machine's PATH. It holds the core tools, and each of tools as a script with
// the given text. A tool whose text is empty only has to be there, so it gets a script that does nothing.
func machine(t *testing.T, tools map[string]string) string {
	t.Helper()
	bin := t.TempDir()
	for _, name := range coreTools {
		if _, replaced := tools[name]; replaced {
			continue
		}
		real, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(real, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range tools {
		if text == "" {
			text = "#!/bin/sh\n"
		}
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

// setup runs a copy of setup.sh that finds programs only in bin, and returns its output and exit status.
func setup(t *testing.T, bin string, args ...string) (string, int) {
	t.Helper()
	text, err := os.ReadFile("../../scripts/setup.sh")
	if err != nil {
		t.Fatal(err)
	}
	const path = "PATH=$PATH:/usr/sbin:/sbin\n"
	if !strings.Contains(string(text), path) {
		t.Fatalf("setup.sh has no line %q to replace", path)
	}
	root := t.TempDir()
	script := filepath.Join(root, "scripts", "setup.sh")
	if err := os.Mkdir(filepath.Dir(script), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(script, []byte(strings.Replace(string(text), path, "", 1)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "go.mod"), []byte("module m\n\ngo 1.26.0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(script, args...)
	tmp := t.TempDir()
	cmd.Env = []string{"PATH=" + bin, "SSL_CERT_FILE=/given", "TMPDIR=" + tmp}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) != 0 {
		t.Errorf("setup.sh left %v behind (%v)", left, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// TestSetup runs setup.sh on machines that lack one thing or another.
func TestSetup(t *testing.T) {
	dynamic := "\x7fELF /lib64/ld-linux-x86-64.so.2"
	offline := "#!/bin/sh\n" +
		"[ -n \"$GOTOOLCHAIN\" ] || { echo no network >&2; exit 1; }\n" +
		"echo go version go1.23.5 linux/amd64\n"
	root, user := "#!/bin/sh\necho 0\n", "#!/bin/sh\necho 1000\n"
	tests := []struct {
		name  string
		tools map[string]string
		args  []string
		code  int
		want  []string // parts of the output; if there are none, the output is empty
	}{
		{"no goal", nil, nil, 2, []string{"usage:"}},
		{"unknown goal", nil, []string{"all"}, 2, []string{"usage:"}},
		{"all there", map[string]string{"go": goTool("26.8"), "qemu-system-x86_64": "", "bwrap": "", "mke2fs": ""},
			[]string{"demo"}, 0, nil},
		{"dry run", map[string]string{"go": goTool("26.8"), "bwrap": "", "mke2fs": ""},
			[]string{"-n", "demo"}, 1, []string{"missing: qemu-system-x86"}},
		{"old Go", map[string]string{"go": goTool("19.8"), "qemu-system-x86_64": "", "bwrap": "", "mke2fs": ""},
			[]string{"-n", "demo"}, 1, []string{"golang-go"}},
		{"tests want more",
			map[string]string{"go": goTool("26"), "qemu-system-x86_64": "", "bwrap": "", "mke2fs": "", "busybox": dynamic},
			[]string{"-n", "test"}, 1, []string{"cpio gcc kmod xz-utils chromium busybox-static " +
				"libxml2-utils gdb binutils nodejs npm python3 zstd shellcheck"}},
		{"checks want more", map[string]string{"go": goTool("26"), "clang": "", "bwrap": "", "mke2fs": ""},
			[]string{"-n", "check"}, 1, []string{" clang-format git shellcheck sparse\n"}},
		{"runners want Rust", map[string]string{"go": goTool("26"), "bwrap": "", "mke2fs": "", "qemu-system-x86_64": ""},
			[]string{"-n", "runners"}, 1, []string{"missing: cargo gcc"}},
		{"static busybox",
			map[string]string{
				"go": goTool("26"), "qemu-system-x86_64": "", "bwrap": "", "mke2fs": "", "cpio": "", "gcc": "",
				"depmod": "", "xz": "", "chromium": "", "busybox": "", "xmllint": "", "gdb": "",
				"readelf": "", "node": "", "npm": "",
				"python3": "", "zstd": "", "shellcheck": "",
			},
			[]string{"test"}, 0, nil},
		{"not Debian", map[string]string{"go": goTool("26"), "mke2fs": ""},
			[]string{"demo"}, 1, []string{"missing", "qemu-system-x86 bubblewrap", "package manager"}},
		{"neither root nor sudo",
			map[string]string{"go": goTool("26"), "mke2fs": "", "bwrap": "", "apt-get": "", "dpkg": "", "id": user},
			[]string{"demo"}, 1, []string{"as root, type: apt-get install qemu-system-x86"}},
		{"archive gone", map[string]string{"go": goTool("26"), "mke2fs": "", "bwrap": "", "dpkg": "", "id": root,
			"apt-get": "#!/bin/sh\necho no archive; exit 100\n"},
			[]string{"demo"}, 1, []string{"no archive", "cannot update the package lists"}},
		{"no Go, not Debian", nil, []string{"build"}, 1, []string{"please install Go 1.21 or newer"}},
		{"toolchain out of reach", map[string]string{"go": offline},
			[]string{"build"}, 1, []string{"no network", "cannot fetch the toolchain Go 1.26"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			out, code := setup(t, machine(t, test.tools), test.args...)
			if code != test.code {
				t.Errorf("exit status %d, want %d; output:\n%s", code, test.code, out)
			}
			if len(test.want) == 0 && out != "" {
				t.Errorf("says %q, want nothing", out)
			}
			for _, want := range test.want {
				if !strings.Contains(out, want) {
					t.Errorf("output lacks %q:\n%s", want, out)
				}
			}
		})
	}
}

// TestSetupUpdatesOldLists lets the first install fail, as it does with package lists that name files long gone.
func TestSetupUpdatesOldLists(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	bin := machine(t, map[string]string{
		"go": goTool("26"), "mke2fs": "", "bwrap": "", "dpkg": "", "id": "#!/bin/sh\necho 1000\n",
		"sudo": "#!/bin/sh\necho sudo >>" + log + "\nexec \"$@\"\n",
		"apt-get": "#!/bin/sh\n" +
			"echo \"$@\" >>" + log + "\n" +
			"case $* in\n*update*) : >" + log + ".updated ;;\nesac\n" +
			"[ -e " + log + ".updated ]\n",
	})
	out, code := setup(t, bin, "demo")
	if code != 0 {
		t.Fatalf("exit status %d:\n%s", code, out)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	var verbs []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		switch {
		case fields[0] == "sudo":
			verbs = append(verbs, "sudo")
		case fields[len(fields)-1] == "update":
			verbs = append(verbs, "update")
		default:
			verbs = append(verbs, "install "+fields[len(fields)-1])
		}
	}
	want := "sudo, install qemu-system-x86, sudo, update, sudo, install qemu-system-x86"
	if got := strings.Join(verbs, ", "); got != want {
		t.Errorf("setup.sh ran %s, want %s", got, want)
	}
}

// TestShellcheck runs shellcheck on the scripts.
func TestShellcheck(t *testing.T) {
	shellcheck := needs.Program(t, "shellcheck")
	scripts, err := filepath.Glob("../../scripts/*.sh")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts found: %v", err)
	}
	if out, err := exec.Command(shellcheck, scripts...).CombinedOutput(); err != nil {
		t.Errorf("shellcheck: %v\n%s", err, out)
	}
}
