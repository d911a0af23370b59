// SPDX-License-Identifier: MIT

package repo

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestVagrantfile lets Vagrant itself judge the Vagrantfile, and a broken copy, so that a validation
// that accepts everything would be noticed. The provider is left out: Debian's Vagrant has none that
// works without a hypervisor.
func TestVagrantfile(t *testing.T) {
	vagrant, err := exec.LookPath("vagrant")
	if err != nil {
		// make does not install it: 266 packages, for one file.
		t.Skip("NOT TESTED: no vagrant here, so nobody checks the Vagrantfile; type: apt-get install vagrant")
	}
	text, err := os.ReadFile("../../Vagrantfile")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := validate(t, vagrant, string(text)); err != nil {
		t.Errorf("vagrant validate: %v\n%s", err, out)
	}

	broken := strings.Replace(string(text), "config.vm.hostname", "config.vm.hostnam", 1)
	if broken == string(text) {
		t.Fatal("the Vagrantfile sets no config.vm.hostname to break")
	}
	if out, err := validate(t, vagrant, broken); err == nil {
		t.Errorf("vagrant validate accepts an unknown setting:\n%s", out)
	}
}

// validate runs "vagrant validate" on text in a folder and a home of its own: Vagrant writes into both.
func validate(t *testing.T, vagrant, text string) ([]byte, error) {
	t.Helper()
	dir, home := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Vagrantfile"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, vagrant, "validate", "--ignore-provider")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+home, "VAGRANT_HOME="+filepath.Join(home, "vagrant"),
		"VAGRANT_CWD="+dir, "VAGRANT_CHECKPOINT_DISABLE=1", "VAGRANT_VAGRANTFILE=Vagrantfile")
	return cmd.CombinedOutput()
}

// TestVagrantfileCommands holds the commands of the Vagrantfile to what the repository has.
func TestVagrantfileCommands(t *testing.T) {
	text, err := os.ReadFile("../../Vagrantfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"scripts/setup.sh here", "make build", "bin/kmodlab demo --here",
	} {
		if !strings.Contains(string(text), "\n  "+line+"\n") {
			t.Errorf("the Vagrantfile does not run %q", line)
		}
	}
	for _, name := range []string{"../../scripts/setup.sh", "../../modules/signals/Kbuild"} {
		if _, err := os.Stat(name); err != nil {
			t.Error(err)
		}
	}
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains("\n"+string(makefile), "\nbuild:") {
		t.Error("the Makefile has no target build")
	}
}
