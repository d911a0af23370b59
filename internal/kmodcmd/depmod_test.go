// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/testlab/needs"
	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

// depmodRoot has a tree that gives depmod something to say.
func depmodRoot(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	a := kmodtest.Module{Exports: []kmodtest.Export{{Name: "a_sym", CRC: 1}, {Name: "a_two", CRC: 2}},
		Info: []string{"alias=same", "alias=same", "alias=[odd", "softdep=pre: b", "weakdep=c", "alias=devname:lone"}}
	b := kmodtest.Module{Needs: []kmodtest.Need{{Name: "a_sym", CRC: 9}, {Name: "a_two", CRC: 2},
		{Name: "nobody", CRC: 3}, {Name: "kernel_sym", CRC: 7}, {Name: ".dot"},
		{Name: "_under"}, {Name: "weakling", Weak: true}},
		Info: []string{"alias=devname:node", "alias=char-major-10-200"}}
	files := map[string][]byte{"kernel/a.ko": a.Bytes(), "extra/b-b.ko": b.Bytes(),
		"modules.order":           []byte("extra/b-b.ko\n"),
		"modules.builtin":         []byte("kernel/in.ko\n 1\n"),
		"modules.builtin.modinfo": []byte("in.alias=[odd\x00in.alias=z\x00")}
	if err := kmodtest.WriteTree(root, files); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"symvers":  "0x00000001\ta_sym\tkernel/a\tEXPORT_SYMBOL\t\n0x00000008\tkernel_sym\tvmlinux\tEXPORT_SYMBOL\t\nbad line\n",
		"map":      "ffff T kernel_sym\nffff r __ksymtab_kernel_sym\n0001 D other\nffff r ___ksymtab_under\nbad\n",
		"cfg.conf": "search extra\nbogus\n",
	} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// What depmod prints, and its exit status, are those of kmod's depmod.
func TestDepmodPrintsLikeKmod(t *testing.T) {
	real, err := exec.LookPath("depmod")
	if err != nil {
		needs.Missing(t, "no depmod here; apt install kmod")
	}
	out, err := exec.Command(real, "-V").Output()
	version := regexp.MustCompile(`kmod version (\d+)`).FindSubmatch(out)
	if err != nil || version == nil {
		t.Fatalf("depmod -V: %v %s", err, out)
	}
	root := depmodRoot(t)
	dir := filepath.Join(root, "lib/modules", kmodtest.Release)
	for _, line := range []string{
		"-b ROOT R", "-n -b ROOT R", "--show -b ROOT R", "--dry-run -b ROOT R", "-v -b ROOT R", "-nv -b ROOT R",
		"-w -b ROOT R", "-a -b ROOT R", "--basedir=ROOT R",
		"-e -b ROOT R", "-e -E ROOT/symvers -b ROOT R", "-E ROOT/symvers -b ROOT R", "-ev -E ROOT/symvers -b ROOT R",
		"-e -F ROOT/map -b ROOT R", "-F ROOT/map -b ROOT R",
		"-e -F ROOT/map -E ROOT/symvers -b ROOT R", "-e -P _ -F ROOT/map -b ROOT R", "-C ROOT/cfg.conf -b ROOT R",
		"-C ROOT/none -b ROOT R",
		"-n -b ROOT R DIR/kernel/a.ko", "-n -b ROOT R DIR/extra/b-b.ko DIR/kernel/a.ko",
		"-a -n -b ROOT R DIR/kernel/a.ko",
		"-b ROOT 9.9", "-b ROOT bad", "-b ROOT R a.ko", "-b ROOT R /nowhere/a.ko", "-P xy -b ROOT R",
		"-F ROOT/none -b ROOT R", "-E ROOT/none -b ROOT R",
	} {
		t.Run(line, func(t *testing.T) {
			args := strings.Fields(strings.NewReplacer("ROOT", root, "DIR", dir).Replace(line))
			for i, a := range args {
				if a == "R" {
					args[i] = kmodtest.Release
				}
			}
			cmd := exec.Command(real, args...)
			var theirOut, theirErr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &theirOut, &theirErr
			err := cmd.Run()
			if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
				t.Fatal(err)
			}
			var ourOut, ourErr bytes.Buffer
			status := Main("depmod", append([]string{"--kmod", string(version[1])}, args...), nil, &ourOut, &ourErr)
			if want := cmd.ProcessState.ExitCode(); status != want {
				t.Errorf("exit status %d, want %d", status, want)
			}
			if d := cmp.Diff(theirOut.String(), ourOut.String()); d != "" {
				t.Errorf("standard output (- kmod's, + ours):\n%s", d)
			}
			if d := cmp.Diff(theirErr.String(), ourErr.String()); d != "" {
				t.Errorf("standard error (- kmod's, + ours):\n%s", d)
			}
		})
	}
}

// -A does nothing until a module is newer than the index.
func TestDepmodQuick(t *testing.T) {
	root := depmodRoot(t)
	dir := filepath.Join(root, "lib/modules", kmodtest.Release)
	alias := filepath.Join(dir, "modules.alias")
	quick := func() (written bool) {
		t.Helper()
		os.Remove(alias)
		if _, errs, status := run(t, root, "depmod", "-A", "-b", root, kmodtest.Release); status != 0 {
			t.Fatalf("%d %s", status, errs)
		}
		_, err := os.Stat(alias)
		return err == nil
	}
	if !quick() {
		t.Error("without an index nothing was written")
	}
	now := time.Now()
	touch := func(name string, at time.Time) {
		t.Helper()
		if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	touch("modules.dep", now)
	touch("kernel/a.ko", now.Add(-time.Hour))
	touch("extra/b-b.ko", now.Add(-time.Hour))
	if quick() {
		t.Error("with older modules the index was written")
	}
	touch("extra/b-b.ko", now.Add(time.Hour))
	if !quick() {
		t.Error("with a newer module the index was not written")
	}
}

func TestDepmodOutdir(t *testing.T) {
	root, out := depmodRoot(t), filepath.Join(t.TempDir(), "new/out")
	if _, errs, status := run(t, root, "depmod", "-b", root, "-o", out, kmodtest.Release); status != 0 {
		t.Fatalf("%d %s", status, errs)
	}
	written, _ := filepath.Glob(filepath.Join(out, "lib/modules", kmodtest.Release, "modules.*"))
	left, _ := filepath.Glob(filepath.Join(root, "lib/modules", kmodtest.Release, "modules.dep*"))
	if len(written) != 11 || len(left) != 0 {
		t.Errorf("written: %v; in the tree: %v", written, left)
	}
}

func TestDepmodJSON(t *testing.T) {
	root := depmodRoot(t)
	type report struct {
		Dir      string   `json:"dir"`
		Modules  int      `json:"modules"`
		Files    []string `json:"files"`
		UpToDate bool     `json:"up_to_date"`
		Problems []struct{ Severity, Path, Message string }
		Error    *Error `json:"error"`
	}
	ask := func(args ...string) (r report, status int) {
		t.Helper()
		out, _, status := run(t, root, "depmod", append([]string{"--json", "-b", root}, args...)...)
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return r, status
	}
	r, status := ask(kmodtest.Release)
	if status != 0 || r.Modules != 2 || len(r.Files) != 11 || r.Error != nil || len(r.Problems) != 4 ||
		r.Problems[0].Severity != "warning" {
		t.Errorf("%d %+v", status, r)
	}
	ring := kmodtest.Module{Exports: []kmodtest.Export{{Name: "ring"}}, Needs: []kmodtest.Need{{Name: "ring"}}}
	if err := kmodtest.WriteTree(root, map[string][]byte{"ring.ko": ring.Bytes()}); err != nil {
		t.Fatal(err)
	}
	r, status = ask(kmodtest.Release)
	if status != 1 || len(r.Files) != 0 || r.Error == nil || r.Error.Kind != "modules need each other" {
		t.Errorf("%d %+v", status, r)
	}
	if _, errs, status := run(t, root, "depmod", "--json", "-n", "-b", root, kmodtest.Release); status != 1 ||
		!strings.Contains(errs, "cannot be combined") {
		t.Errorf("--json with -n: %d %s", status, errs)
	}
}
