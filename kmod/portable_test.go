// SPDX-License-Identifier: MIT

package kmod_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/kmod"
)

// Whoever reads modules, resolves names or writes an index need not be on Linux. vet
// type-checks the packages and their tests for the other system, so what calls into
// Linux without saying so in the file's name shows up here.
func TestOtherSystems(t *testing.T) {
	for _, goos := range []string{"darwin", "windows"} {
		for _, verb := range []string{"build", "vet"} {
			t.Run(goos+" "+verb, func(t *testing.T) {
				t.Parallel()
				cmd := exec.Command("go", verb, "./...")
				cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Errorf("%v\n%s", err, out)
				}
			})
		}
	}
}

func TestUnsupported(t *testing.T) {
	err := error(&kmod.UnsupportedError{Op: "load module"})
	if !errors.Is(err, errors.ErrUnsupported) || !strings.HasPrefix(err.Error(), "load module: ") {
		t.Errorf("got %v", err)
	}
}
