// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestCheckLimits(t *testing.T) {
	for _, c := range []struct {
		resource int
		limit    uint64
		says     string // "" if that is enough
	}{
		{unix.RLIMIT_AS, 1 << 30, "too little address space: ulimit -v is 1048576, at least 2097152 is needed"},
		{unix.RLIMIT_AS, 2 << 30, ""},
		{unix.RLIMIT_NOFILE, 8, "too few open files: ulimit -n is 8, at least 32 is needed"},
		{unix.RLIMIT_NOFILE, 1024, ""},
		{unix.RLIMIT_CORE, 0, ""},
	} {
		var said bytes.Buffer
		ok := checkLimits(&said, func(resource int) uint64 {
			if resource == c.resource {
				return c.limit
			}
			return unix.RLIM_INFINITY
		})
		if ok != (c.says == "") || !strings.Contains(said.String(), c.says) || ok && said.Len() > 0 {
			t.Errorf("%d: %v, %q, want %q", c.limit, ok, said.String(), c.says)
		}
	}
}

// mainEnv makes this test's program the command line.
const mainEnv = "KMODLAB_TEST_MAIN"

// TestLowLimit: a command in a shell whose limits are too low ends with a sentence and this machine's exit status.
func TestLowLimit(t *testing.T) {
	if os.Getenv(mainEnv) != "" {
		os.Exit(Main([]string{"cache"}, os.Stdout, os.Stderr))
	}
	cmd := exec.Command("/bin/sh", "-c", `ulimit -n 16; exec "$0" -test.run '^TestLowLimit$'`, os.Args[0])
	cmd.Env = append(os.Environ(), mainEnv+"=1", "XDG_CACHE_HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState.ExitCode() != exitHost || !strings.Contains(string(out), "ulimit -n is 16") {
		t.Errorf("%v: %s", err, out)
	}
}
