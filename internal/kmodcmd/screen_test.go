// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/foreign"
	"github.com/kmodlab/kmodlab/internal/testlab/pty"
	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

// TestOnScreen: a terminal gets no control characters of a module's file; a pipe gets the bytes that kmod writes.
func TestOnScreen(t *testing.T) {
	root := t.TempDir()
	text := strings.ReplaceAll(foreign.Forged, "\n", " ") + "ä"
	module := kmodtest.Module{Info: []string{"license=GPL", "vermagic=" + kmodtest.Kernel, "author=" + text,
		"parm=p:" + text, "softdep=pre: " + text, "depends=" + text}}
	if err := kmodtest.WriteTree(root, map[string][]byte{"extra/m.ko": module.Bytes()}); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(root, "etc.conf")
	if err := os.WriteFile(conf, []byte("alias a\x1b[2J m\nnonsense \x1b[2J\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(root, "lib/modules", kmodtest.Release, "extra/m.ko")
	kmodAt := func(args ...string) *exec.Cmd { return exec.Command(testlab.Kmod(t), args...) }
	for _, args := range [][]string{
		{"modinfo", file}, {"modinfo", "-F", "author", file}, {"modinfo", "--json", file}, {"modinfo", text},
		{"depmod", "-n", "-b", root, kmodtest.Release}, {"modprobe", "-n", text}, {"modprobe", "-" + text},
		{"modprobe", "-c", "-C", conf, "-d", root, "-S", kmodtest.Release}, {"insmod", text}, {"rmmod", text},
	} {
		screen := pty.Start(t, kmodAt(args...), 200, 50)
		screen.Wait(20 * time.Second)
		for _, bad := range []string{"\x1b", "\a", "\u009b", "\u202e", "##["} {
			if strings.Contains(screen.Raw(), bad) {
				t.Errorf("%.40q: the terminal gets %q in %.300q", args, bad, screen.Raw())
			}
		}
		if args[0] == "modinfo" && !strings.Contains(screen.Raw(), "forged") {
			t.Errorf("%.40q prints %.300q", args, screen.Raw())
		}
	}
	out, err := kmodAt("modinfo", "-F", "author", file).Output()
	if err != nil || !bytes.Equal(out, []byte(text+"\n")) {
		t.Errorf("a pipe gets %q, %v", out, err)
	}
}

func TestMain(m *testing.M) { testlab.Main(m) }
