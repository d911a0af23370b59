// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/machine"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// TestScripts runs the command line as a person does, where that starts no machine.
func TestScripts(t *testing.T) { runScripts(t, "testdata/script") }

// TestVMScripts are those that may start machines, or fetch kernels.
func TestVMScripts(t *testing.T) {
	needs.VM(t)
	runScripts(t, "testdata/vmscript")
}

// runScripts runs a folder's scripts; they say what each command must answer. The
// commands that they use beside testscript's own:
//
//	kernel                            link the default kernel into the script's cache, which is empty else
//	status N PROGRAM ARG…             run it and want this exit status
//	signal INT PATTERN N PROGRAM ARG… run it, send a signal to its group once it has
//	                                  come so far, want this exit status soon
//	killqemu PATTERN N PROGRAM ARG…   the same with SIGKILL to its QEMU
//	stopqemu PATTERN N PROGRAM ARG…   the same with SIGSTOP
//	verdict FILE CLASS REGEXP…        read a result and check its verdict
//	module NAME FILE                  copy a module out of the script's build cache
//	replace FILE OLD NEW              change bytes of a file, of the same length
//	noprocess                         no process is left
//	clean                             nothing is left: no process, socket, temporary file, half a cache entry
//
// A PATTERN is what watched.condition explains, as "booting the guest then process
// ^qemu".
func runScripts(t *testing.T, dir string) {
	testscript.Run(t, testscript.Params{
		Dir:                dir,
		WorkdirRoot:        t.TempDir(), // testscript's own root folder stays behind
		Setup:              setupScript,
		Condition:          scriptCondition,
		RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"kernel":    linkKernel,
			"status":    wantStatus,
			"signal":    sendSignal,
			"killqemu":  killQEMU,
			"stopqemu":  stopQEMU,
			"noprocess": wantNoProcess,
			"verdict":   wantVerdict,
			"module":    copyModule,
			"replace":   replaceBytes,
			"clean":     wantClean,
		},
	})
}

// setupScript gives a script the program, a cache of its own, and the tools.
// The cache must not be ours: scripts look at what is left in it.
func setupScript(env *testscript.Env) error {
	program, err := testlab.BuildKmodlab()
	if err != nil {
		return err
	}
	env.Setenv("PATH", filepath.Dir(program)+":"+os.Getenv("PATH"))
	env.Setenv("BIN", filepath.Dir(program))
	env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, "cache"))
	recording, err := filepath.Abs("testdata/recording/demo-1.kmlab")
	env.Setenv("RECORDING", recording)
	return err
}

// scriptCondition: [all] asks for the slow duplicates as well. [qemu], [bwrap],
// [apt], [gdb] and [userns] (user namespaces) hold in CI even without, so that a script
// fails there instead of being skipped.
func scriptCondition(cond string) (bool, error) {
	tools := map[string]string{"qemu": "qemu-system-x86_64", "bwrap": "bwrap", "apt": "apt-get", "gdb": "gdb"}
	switch tool := tools[cond]; {
	case tool != "":
		_, err := exec.LookPath(tool)
		return err == nil || os.Getenv("CI") == "true", nil
	case cond == "all":
		return os.Getenv("KMODLAB_TEST_ALL") == "1", nil
	case cond == "userns":
		return exec.Command("unshare", "-rm", "true").Run() == nil || os.Getenv("CI") == "true", nil
	}
	return false, fmt.Errorf("unknown condition %q", cond)
}

// fetchKernel brings the default kernel into the person's own cache, once.
var fetchKernel = sync.OnceValues(func() (cache string, err error) {
	if _, err := machine.Fetch(context.Background(), ""); err != nil {
		return "", err
	}
	return kmodlab.DefaultCacheDir()
})

func linkKernel(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: kernel")
	}
	shared, err := fetchKernel()
	ts.Check(err)
	own := scriptCache(ts)
	ts.Check(os.MkdirAll(own, 0o755))
	for name, mode := range map[string]os.FileMode{"kernels": 0o755, "symbols": 0o755, "machines": 0o700} {
		ts.Check(os.MkdirAll(filepath.Join(shared, name), mode))
		ts.Check(os.Symlink(filepath.Join(shared, name), filepath.Join(own, name)))
	}
}

func scriptCache(ts *testscript.TestScript) string {
	return filepath.Join(ts.Getenv("XDG_CACHE_HOME"), "kmodlab")
}

func wantStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N PROGRAM ARG…")
	}
	checkStatus(ts, args[0], ts.Exec(args[1], args[2:]...))
}

func checkStatus(ts *testscript.TestScript, want string, err error) {
	got := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if n, err := strconv.Atoi(want); err != nil || n != got {
		ts.Fatalf("exit status %d, want %s", got, want)
	}
}

// copyModule: module NAME FILE.
func copyModule(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: module NAME FILE")
	}
	var found []string
	err := filepath.WalkDir(filepath.Join(scriptCache(ts), "build"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == args[0]+".ko" {
			found = append(found, path)
		}
		return err
	})
	ts.Check(err)
	if len(found) != 1 {
		ts.Fatalf("want one %s.ko in the build cache, found %q", args[0], found)
	}
	data, err := os.ReadFile(found[0])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), data, 0o644))
}

// replaceBytes: replace FILE OLD NEW.
func replaceBytes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 || len(args[1]) != len(args[2]) {
		ts.Fatalf("usage: replace FILE OLD NEW, of the same length")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s has no %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])), 0o644))
}
