// SPDX-License-Identifier: MIT

package kbuild

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/kmodlab/kmodlab/internal/kernel"
)

// Runner runs the commands of a build over a work folder.
//
// Run returns a step for each command that ran, and stops after the first that fails; a failing command is not an
// error. It returns an error if the commands could not run, or had to be stopped: *Error with kind ErrTimeout, ErrDisk
// or one about the host, or ctx's own. When it returns, no process of the build is alive and the job's results are
// below Work.
type Runner interface {
	Name() Where
	Run(ctx context.Context, job Job) ([]Step, error)
}

// Job is one build for a Runner.
type Job struct {
	Kernel   *kernel.Kernel
	Work     string        // on the host: src with the sources, empty out and tmp
	SeenAs   string        // the path at which the commands find Work
	Commands []Command     // in order
	Results  []string      // paths below Work that must exist afterwards if the commands made them
	Program  bool          // the commands build a program and no modules
	Options  bool          // whether make must read Work's options.mk first
	Output   io.Writer     // may be nil
	Timeout  time.Duration // for all commands together
	MaxBytes int64         // how much disk space the work folder may take; 0: 2 GiB
}

// Command is one command line.
type Command struct {
	Argv  []string // what runs
	Shown []string // what a person would type; nil: it is our own, and no step of the build
}

// Env is the whole environment of a build's commands. PWD matters: people write -I$(PWD)/include, meaning the folder
// where make was started.
func (j Job) Env() []string {
	env := []string{
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=" + j.SeenAs,
		"LC_ALL=C.UTF-8",
		"PWD=" + j.src(),
		"TMPDIR=/tmp",
		"KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 1970",
		"KBUILD_BUILD_USER=kmodlab",
		"KBUILD_BUILD_HOST=kmodlab",
	}
	if j.Options {
		env = append(env, "MAKEFILES="+j.SeenAs+"/"+optionsFile)
	}
	return env
}

// Dir is the commands' working folder, as they see it.
func (j Job) Dir() string { return j.src() }

func (j Job) src() string { return j.SeenAs + "/src" }

// installFlags limit modules_install to its task. Distribution headers come without signing key and System.map, so
// signing and depmod could only complain; depmod is ours to run. Compressed modules would hide their symbols from us.
var installFlags = []string{
	"CONFIG_MODULE_SIG_ALL=", "DEPMOD=true",
	"CONFIG_MODULE_COMPRESS=", "CONFIG_MODULE_COMPRESS_ALL=", "CONFIG_MODULE_COMPRESS_XZ=",
	"CONFIG_MODULE_COMPRESS_ZSTD=", "CONFIG_MODULE_COMPRESS_GZIP=",
}

// recipe is part of every build's ID. Change it whenever the commands, the environment or the layout of a cache entry
// change.
const recipe = "kbuild/4"

// commands is the recipe: make modules, make modules_install.
func commands(k *kernel.Kernel, work string, flags []string) []Command {
	in := []string{"-C", k.BuildDir(), "M=" + work + "/src"}
	words := slices.Concat([]string{"make", fmt.Sprintf("-j%d", runtime.NumCPU()), "--no-print-directory"}, in)
	in[2] = "M=$PWD" // what a person types; the work folder is gone by the time it is read
	shown := slices.Concat([]string{"make"}, in, flags)
	if work != GuestWork {
		// The module must neither reveal where the cache is nor differ by it.
		flags = mergeFlag(flags, "KCFLAGS", "-ffile-prefix-map="+filepath.Join(work, "src")+"="+SourceDir)
	}
	words = append(words, flags...)
	to := []string{"INSTALL_MOD_PATH=" + work + "/out", "INSTALL_MOD_DIR=extra", "modules_install"}
	return []Command{
		{Argv: slices.Concat(words, []string{"modules"}), Shown: slices.Concat(shown, []string{"modules"})},
		{Argv: slices.Concat(words, installFlags, to), Shown: slices.Concat(shown, to[1:])},
	}
}
