// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

// Rules run with what kmod gives them, and end as with kmod. No module is
// touched: the names are those of the rules.
func TestRulesLikeKmod(t *testing.T) {
	root := testRoot(t)
	conf := filepath.Join(t.TempDir(), "rules.conf")
	out := filepath.Join(t.TempDir(), "out")
	write := func(verb string) string {
		return `echo "` + verb + ` $CMDLINE_OPTS|$MODPROBE_MODULE|$MODPROBE_OPTIONS" >>` + out
	}
	writeFile(t, conf, "install rule "+write("in")+"\nremove rule "+write("out")+
		"\noptions rule z=1\ninstall bad exit 3\nalias nick rule\ninstall base exit 1\nalias none off\n")
	for _, args := range [][]string{{"rule", "a=1", "b=x y"}, {"nick", "q=1"}, {"-a", "rule", "bad", "rule"}, {"bad"},
		{"-q", "bad"}, {"-r", "rule"}, {"-r", "-i", "rule"},
		{"-i", "rule"}, {"-n", "rule"}, {"--first-time", "rule"}, {"none"}, {"base"}, {"-r", "-a", "rule", "nosuch"},
		{"-v", "bad"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			args := append([]string{"-C", conf, "-d", root, "-S", kmodtest.Release}, args...)
			if data, err := exec.Command(kmodTool(t, "depmod"), "-b", root,
				kmodtest.Release).CombinedOutput(); err != nil {
				t.Fatalf("depmod: %v: %s", err, data)
			}
			cmd := exec.Command(kmodTool(t, "modprobe"), args...)
			err := cmd.Run()
			if ee, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok || ok && !ee.Exited() {
				t.Fatal(err)
			}
			want := takeFile(t, out)
			var stdout, stderr bytes.Buffer
			status := Main("modprobe", args, nil, &stdout, &stderr)
			if d := cmp.Diff(want, takeFile(t, out)); d != "" {
				t.Error(d)
			}
			if status != cmd.ProcessState.ExitCode() {
				t.Errorf("exit status %d, kmod's is %d\n%s", status, cmd.ProcessState.ExitCode(), stderr.String())
			}
		})
	}
}

func takeFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestRuleKilled(t *testing.T) {
	root := testRoot(t)
	conf := filepath.Join(t.TempDir(), "rules.conf")
	writeFile(t, conf, "install killed kill -9 $$\n")
	_, errs, status := run(t, root, "modprobe", "-C", conf, "-d", root, "-S", kmodtest.Release, "killed")
	if status != 1 || !strings.Contains(errs, "could not insert 'killed': Invalid argument") ||
		!strings.Contains(errs, "the install command 'kill -9 $$' for module killed failed: killed by SIGKILL") {
		t.Errorf("%d %s", status, errs)
	}
}

func TestEnvironment(t *testing.T) {
	root := testRoot(t)
	t.Setenv("MODPROBE_OPTIONS", `-D "base" -d '`+root+`'`)
	out, errs, status := run(t, root, "modprobe", "-C", t.TempDir(), "-S", kmodtest.Release)
	if status != 0 || out != "insmod TREE/kernel/base.ko \n" {
		t.Errorf("%d %s%s", status, out, errs)
	}
	if d := cmp.Diff([]string{"-C", "a b", "x y", `q="r`}, splitOptions(`  -C "a b" x' 'y 'q="r' `)); d != "" {
		t.Error(d)
	}
}

// A file is loaded with what lies beside it, and needs no index.
func TestFileWithSiblings(t *testing.T) {
	dir := t.TempDir()
	low := kmodtest.Module{Exports: []kmodtest.Export{{Name: "low_sym"}}}
	top := kmodtest.Module{Info: []string{"parmtype=count:int"}, Needs: []kmodtest.Need{{Name: "low_sym"}}}
	for name, data := range map[string][]byte{"low.ko": low.Bytes(), "top.ko": top.Bytes()} {
		writeFile(t, filepath.Join(dir, name), string(data))
	}
	common := []string{"-C", t.TempDir(), "-d", dir, "-S", "none"}
	out, errs, status := run(t, dir, "modprobe", append(common, "-D", filepath.Join(dir, "top.ko"), "count=3")...)
	if want := "insmod ROOT/low.ko \ninsmod ROOT/top.ko count=3\n"; status != 0 || out != want || errs != "" {
		t.Errorf("%d %q %q, want %q", status, out, errs, want)
	}
	out, _, status = run(t, dir, "modprobe",
		append(common, "--check", filepath.Join(dir, "top.ko"), "count=x", "nope=1")...)
	if status != 1 || !strings.Contains(out, `refused: parameter count of top does not take "x"`) ||
		!strings.Contains(out, "passed: top has no parameter nope") {
		t.Errorf("%d %s", status, out)
	}
}

func TestForbid(t *testing.T) {
	root := testRoot(t)
	conf := filepath.Join(t.TempDir(), "x.conf")
	writeFile(t, conf, "forbid ba*\n")
	_, errs, status := run(t, root, "modprobe", "-C", conf, "-d", root, "-S", kmodtest.Release, "-D", "lab_user")
	if status != 1 || !strings.Contains(errs, "module lab_user needs base, which a forbid line in modprobe.d forbids") {
		t.Errorf("%d %s", status, errs)
	}
}

// Every --json is one value, with what the text has.
func TestJSON(t *testing.T) {
	root := testRoot(t)
	tree := []string{"-C", t.TempDir(), "-d", root, "-S", kmodtest.Release, "--json"}
	report := func(args ...string) (r Report) {
		t.Helper()
		out, errs, _ := run(t, root, "modprobe", append(tree, args...)...)
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatalf("%v: %q %q", err, out, errs)
		}
		return r
	}
	want := []Step{{Name: "base", Path: "TREE/kernel/base.ko"},
		{Name: "lab_user", Path: "TREE/extra/lab-user.ko", Params: "a=1"}}
	if d := cmp.Diff(want, report("-D", "lab-user", "a=1").Steps); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]ResolvedModule{{"lab_user", "TREE/extra/lab-user.ko", false}},
		report("-R", "lab:x").Resolved); d != "" {
		t.Error(d)
	}
	if e := report("nosuch").Error; e == nil || e.Kind != "module not found" {
		t.Errorf("error %+v", e)
	}
	if c := report("-c").Config; c == nil || c.Options == nil {
		t.Errorf("config %+v", c)
	}
	if s := report("--show-exports", filepath.Join(root, "lib/modules", kmodtest.Release,
		"kernel/base.ko")).Symbols; len(s) != 1 || s[0].Name != "base_sym" {
		t.Errorf("symbols %+v", s)
	}
	out, _, _ := run(t, root, "modinfo", "-b", root, "-k", kmodtest.Release, "--json", "lab_user", "inside")
	var infos []ModuleInfo
	if err := json.Unmarshal([]byte(out), &infos); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	wantInfo := []ModuleInfo{
		{Name: "lab_user", Filename: "TREE/extra/lab-user.ko",
			Fields: map[string][]string{"alias": {"lab:*"}, "depends": {"base"}, "author": {"A", "B"}},
			Params: []Param{{"a", "int", "first"}, {"b", "", "second"}, {"c", "bool", ""}}},
		{Name: "inside", Builtin: true, Fields: map[string][]string{"license": {"GPL"}},
			Params: []Param{{"x", "int", "y"}}},
	}
	if d := cmp.Diff(wantInfo, infos); d != "" {
		t.Error(d)
	}
}
