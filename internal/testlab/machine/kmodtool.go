// SPDX-License-Identifier: MIT

package machine

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// NewKmodTree is a kernel whose tree has kmod 34.
const NewKmodTree = "debian:trixie/generic"

// KmodTool is the set of kmod's commands, of one version, or ours.
type KmodTool struct {
	What    string   // "kmod 30", "kmodlab"
	Version int      // of kmod
	argv    []string // that runs it; NAME stands for the command's name, which is argv[0] where no NAME is
}

// Command is the tool's command of that name.
func (k KmodTool) Command(name string, args ...string) *exec.Cmd {
	argv := slices.Concat(k.argv[1:], args)
	for i, a := range argv {
		argv[i] = strings.ReplaceAll(a, "NAME", name)
	}
	cmd := exec.Command(k.argv[0], argv...)
	if !slices.Contains(k.argv, "NAME") {
		cmd.Args[0] = name
	}
	return cmd
}

// HostKmod is the kmod that is installed here.
func HostKmod(tb testing.TB) KmodTool {
	tb.Helper()
	return newKmodTool(tb, needs.Program(tb, "kmod"))
}

// TreeKmod is the kmod in a kernel's tree, run with that tree's own libraries.
func TreeKmod(tb testing.TB, k *kernel.Kernel) KmodTool {
	tb.Helper()
	libs, err := filepath.Glob(filepath.Join(k.Root, "lib/*-linux-gnu"))
	if err != nil || len(libs) != 1 {
		tb.Fatalf("%s has no folder for libraries: %v", k.Root, libs)
	}
	loader := filepath.Join(k.Root, "lib64/ld-linux-x86-64.so.2")
	return newKmodTool(tb, loader, "--argv0", "NAME", "--library-path", libs[0], filepath.Join(k.Root, "bin/kmod"))
}

// newKmodTool asks for the version.
func newKmodTool(tb testing.TB, argv ...string) KmodTool {
	tb.Helper()
	k := KmodTool{argv: argv}
	out, err := k.Command("depmod", "-V").Output()
	m := regexp.MustCompile(`kmod version (\d+)`).FindSubmatch(out)
	if err != nil || m == nil {
		tb.Fatalf("%v -V: %v: %s", argv, err, out)
	}
	if k.Version, err = strconv.Atoi(string(m[1])); err != nil {
		tb.Fatal(err)
	}
	k.What = fmt.Sprint("kmod ", k.Version)
	return k
}

// OurKmod is the program that is shipped, as people link it.
func OurKmod(tb testing.TB) KmodTool {
	tb.Helper()
	return KmodTool{What: "kmodlab", argv: []string{testlab.Kmodlab(tb)}}
}

// ModuleTree is a root with the kernel's modules, as testlab.LinkTree makes it.
func ModuleTree(tb testing.TB, k *kernel.Kernel, extra ...string) (root, dir string) {
	tb.Helper()
	return testlab.LinkTree(tb, k.ModuleDir(), extra...)
}
