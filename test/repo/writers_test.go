// SPDX-License-Identifier: MIT

package repo

import (
	"go/ast"
	"go/parser"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// writers are the files of the program that make files or folders, and what they write. The cache is believed by all
// later runs, so what a guest says may be written there only by internal/lab, and only until foreign modules are in.
var writers = map[string]string{
	"examples/judge/main.go":            "its own temporary folder",
	"internal/atomicfile/atomicfile.go": "files that others named here write as a whole",
	"internal/beneath/remove.go":        "moves folders up, to remove them",
	"internal/boot/initramfs.go":        "links in the initramfs, an archive; nothing on this machine",
	"internal/cli/demo.go":              "the demo's own sources, in a scratch folder",
	"internal/cli/output.go":            "reports, where -o says",
	"internal/filelock/filelock.go":     "empty files that serve as locks, some in the cache",
	"internal/footprint/claim.go":       "the lock of this machine's kernel, and modules that were built here",
	"internal/footprint/store.go":       "the journal of --here",
	"internal/kbuild/cache.go":          "cache: results of builds, by what went in",
	"internal/kbuild/collect.go":        "cache: modules and Module.symvers, as plain files",
	"internal/kbuild/kbuild.go":         "cache: work folders",
	"internal/kbuild/options.go":        "cache: options.mk in a work folder",
	"internal/kbuild/sources.go":        "cache: copies of sources in a work folder",
	"internal/kbuild/tar.go":            "cache: results in a work folder, as plain files",
	"internal/kbuild/vmrunner.go":       "a file in the guest that builds",
	"internal/kernel/apt.go":            "cache: apt's own folders",
	"internal/kernel/direct.go":         "cache: packages that apt has verified",
	"internal/kernel/fetch.go":          "cache: kernels, unpacked from such packages",
	"internal/kernel/furnish.go":        "cache: the mount points of such a kernel's tree",
	"internal/kernel/record.go":         "cache: what is known of such a kernel",
	"internal/kernel/store.go":          "cache: its folders",
	"internal/kernel/unpack.go":         "cache: files of such packages",
	"internal/lab/attach.go":            "cache: what a guest says before anything foreign is in it (keepFile)",
	"internal/lab/core.go":              "the guest's memory, in a file without a name",
	"internal/lab/debug.go":             "a scratch folder: gdb's commands, in which the guest has checked names and numbers",
	"internal/lab/install.go":           "a scratch folder for the guest's index of modules",
	"internal/prepare/probe.go":         "the sources of our own module for the self-test, in a scratch folder",
	"internal/private/private.go":       "the folders on the way to the cache",
	"internal/private/way.go":           "nothing: its Link is told of a link",
	"internal/received/received.go":     "files of a guest: what a test runner's flags name, and --artifacts-dir",
	"internal/scratch/scratch.go":       "scratch folders",
	"internal/snapshot/snapshot.go":     "cache: machines, saved before anything foreign is in them",
	"internal/snapshot/sums.go":         "cache: checksums of this machine's files",
	"internal/grading/grading.go":       "a submission and the lab's files, in a scratch folder; what a student gets, where they say",
	"internal/grading/files.go":         "the grades of a class, where the lecturer says",
	"internal/grading/merge.go":         "the grades of a class, where the lecturer says",
	"internal/grading/stories.go":       "stories of a lab's solution, in the lab's folder",
	"internal/grading/work.go":          "what a student's folder of a lab remembers, in that folder",
	"internal/cli/labsubmit.go":         "the archive that is handed in, where the student says",
	"internal/cli/gradefill.go":         "a copy of the lecturer's sheet, in the folder of the grades",
	"internal/grading/store.go":         "the grades of a class, where the lecturer says",
	"internal/session/failing.go":       "our own module that makes calls fail, in the guest",
	"internal/session/rounds.go":        "/proc/sys/kernel/modprobe, in the guest",
	"internal/submission/repository.go": "an empty git repository, in a scratch folder",
	"internal/vm/kvm.go":                "cache: what QEMU and KVM of this machine can do",
	"kmod/depmod/write.go":              "the index of a module tree",
	"kmodlabtest/keep.go":               "what a failed test saw, where go test -artifacts or the test says",
}

// making are the functions that make something in a file system.
var making = map[string]bool{
	"WriteFile": true, "Create": true, "CreateTemp": true, "Rename": true, "Mkdir": true, "MkdirAll": true,
	"MkdirTemp": true, "Symlink": true, "Link": true, "TempFile": true, "CopyFS": true,
	"Mkfifo": true, "Mknod": true, "Creat": true, "Mkdirat": true, "Mknodat": true, "Symlinkat": true, "Linkat": true,
	"Renameat": true, "Renameat2": true,
}

// inGuest are rooms whose code runs in a guest, or only in tests.
var inGuest = regexp.MustCompile(`^(internal/guest|scripts|kmod/kmodtest)/`)

// TestWriters finds everything in the program that makes files.
func TestWriters(t *testing.T) {
	found := make(map[string]bool)
	for _, source := range sources(t) {
		if !strings.HasSuffix(source.path, ".go") || ofTests.MatchString(source.path) || inGuest.MatchString(source.path) {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), source.path, source.data, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if call, is := n.(*ast.CallExpr); is && makes(call) {
				found[source.path] = true
			}
			return true
		})
	}
	for file := range found {
		if writers[file] == "" {
			t.Errorf("%s makes files: say in writers what, and whose word it is", file)
		}
	}
	for file := range writers {
		if !found[file] {
			t.Errorf("%s makes no files any more", file)
		}
	}
}

// makes reports whether a call makes a file: by its function's name, of whatever package or value, or by os.O_CREATE
// among its arguments.
func makes(call *ast.CallExpr) bool {
	switch f := call.Fun.(type) {
	case *ast.SelectorExpr:
		of, is := f.X.(*ast.Ident)
		if making[f.Sel.Name] || is && of.Name == "atomicfile" && f.Sel.Name == "Write" {
			return true
		}
	case *ast.Ident:
	default:
		return false
	}
	creates := false
	for _, arg := range call.Args {
		ast.Inspect(arg, func(n ast.Node) bool {
			if s, is := n.(*ast.SelectorExpr); is {
				creates = creates || slices.Contains([]string{"O_CREATE", "O_CREAT", "O_TMPFILE"}, s.Sel.Name)
			}
			return true
		})
	}
	return creates
}
