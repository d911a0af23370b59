// SPDX-License-Identifier: MIT

package kmodcmd

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// These tests run kmod's commands and ours on the same trees and want the same
// output and exit status.

// tree is a module tree with an index by kmod's depmod.
type tree struct{ root, release, dir string }

// testTrees are the default kernel's tree, and with KMODLAB_TEST_ALL=1 those of
// every kernel in the cache.
func testTrees(t *testing.T) []tree {
	t.Helper()
	var trees []tree
	for _, from := range testlab.KernelTrees(t, os.Getenv("KMODLAB_TEST_ALL") != "") {
		root, dir := testlab.LinkTree(t, from)
		release := filepath.Base(from)
		if out, err := exec.Command(kmodTool(t, "depmod"), "-b", root, release).CombinedOutput(); err != nil {
			t.Fatalf("depmod: %v: %s", err, out)
		}
		trees = append(trees, tree{root, release, dir})
	}
	return trees
}

func kmodTool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path = filepath.Join("/usr/sbin", name)
		if _, err := os.Stat(path); err != nil {
			needs.Missing(t, "no %s here; apt install kmod", name)
		}
	}
	return path
}

// compare runs both and wants the same; theirs and ours are the arguments.
func compare(t *testing.T, name string, theirs, ours []string) {
	t.Helper()
	cmd := exec.Command(kmodTool(t, name), theirs...)
	want, err := cmd.Output()
	wantStatus := 0
	if ee, ok := errors.AsType[*exec.ExitError](err); ok {
		wantStatus = ee.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	var got, errs bytes.Buffer
	status := Main(name, ours, nil, &got, &errs)
	if status != wantStatus {
		t.Errorf("%s %s: exit status %d, kmod's is %d\n%s", name, brief(ours), status, wantStatus, errs.String())
	}
	if got.String() != string(want) {
		a, b := strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")
		t.Errorf("%s %s: %d lines, kmod prints %d; kmod's are -\n%s", name, brief(ours), len(b), len(a),
			firstDiff(a, b))
	}
}

func brief(args []string) string {
	s := strings.Join(args, " ")
	if len(s) > 200 {
		s = s[:200] + "…"
	}
	return s
}

// firstDiff shows the first lines that differ: a diff of ten thousand takes minutes.
func firstDiff(a, b []string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return cmp.Diff(a[i:min(i+8, len(a))], b[i:min(i+8, len(b))])
}

func (tr tree) args(config string, args ...string) []string {
	return append([]string{"-C", config, "-d", tr.root, "-S", tr.release}, args...)
}

func ours(args []string, more ...string) []string {
	return append(append([]string{}, args...), more...)
}

// Every module's name and alias: what it stands for, and what loading it takes.
func TestModprobeLikeKmod(t *testing.T) {
	for _, tr := range testTrees(t) {
		t.Run(tr.release, func(t *testing.T) {
			empty := t.TempDir()
			names := append(moduleNames(t, tr.dir, "modules.order"), moduleNames(t, tr.dir, "modules.builtin")...)
			aliases := sampleAliases(t, tr.dir, 5000)
			t.Logf("%d names, %d aliases", len(names), len(aliases))
			for _, list := range [][]string{names, aliases} {
				for _, flags := range [][]string{{"-a", "-D"}, {"-a", "-R"}, {"-a", "-n", "-v"},
					{"-a", "-i", "-b", "-D"}, {"-r", "-D"}} {
					if flags[0] == "-r" && !safeToRemove(list, names) {
						continue
					}
					args := tr.args(empty, append(flags, list...)...)
					compare(t, "modprobe", args, ours(args, "--first-softdep"))
				}
			}
			args := tr.args(empty, "-c")
			compare(t, "modprobe", args, args)
		})
	}
}

// safeToRemove leaves -r -D to names alone: kmod 30 recurses without end where
// an alias leads back to what is being removed.
func safeToRemove(list, names []string) bool { return len(list) == len(names) && &list[0] == &names[0] }

// sampleAliases makes names that the tree's patterns match, evenly over the file.
func sampleAliases(t *testing.T, dir string, most int) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "modules.alias"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "alias" {
			all = append(all, instance(f[1]))
		}
	}
	var some []string
	for i := range min(most, len(all)) {
		some = append(some, all[i*len(all)/min(most, len(all))])
	}
	return some
}

// instance replaces what is wild in a pattern by something that it matches.
func instance(pattern string) string {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '*':
			b.WriteString("00")
		case '?':
			b.WriteByte('7')
		case '[':
			b.WriteByte(pattern[i+1])
			i += strings.IndexByte(pattern[i:], ']')
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// Without --first-softdep every softdep line counts: as if kmod were given all
// of a module's lines as one.
func TestAllSoftdepsLikeKmodWithOneLine(t *testing.T) {
	for _, tr := range testTrees(t) {
		t.Run(tr.release, func(t *testing.T) {
			merged, names := mergedSoftdeps(t, tr.dir)
			config, empty := t.TempDir(), t.TempDir()
			writeFile(t, filepath.Join(config, "merged.conf"), merged)
			if len(names) == 0 {
				t.Skipf("NOT TESTED: no module of %s has two softdep lines", tr.release)
			}
			names = append(names, moduleNames(t, tr.dir, "modules.order")...)
			compare(t, "modprobe", tr.args(config, append([]string{"-a", "-D"}, names...)...),
				tr.args(empty, append([]string{"-a", "-D"}, names...)...))
		})
	}
}

func mergedSoftdeps(t *testing.T, dir string) (config string, names []string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "modules.softdep"))
	if err != nil {
		t.Fatal(err)
	}
	pre, post, count := map[string]string{}, map[string]string{}, map[string]int{}
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) < 3 || f[0] != "softdep" {
			continue
		}
		if count[f[1]]++; count[f[1]] == 2 {
			names = append(names, f[1])
		}
		var list map[string]string
		for _, w := range f[2:] {
			switch {
			case w == "pre:":
				list = pre
			case w == "post:":
				list = post
			case list != nil:
				list[f[1]] += " " + w
			}
		}
	}
	for _, name := range names {
		config += fmt.Sprintf("softdep %s pre:%s post:%s\n", name, pre[name], post[name])
	}
	return config, names
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// The symbols of files, by every tenth module.
func TestShowSymbolsLikeKmod(t *testing.T) {
	for _, tr := range testTrees(t) {
		data, err := os.ReadFile(filepath.Join(tr.dir, "modules.dep"))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(data), "\n")
		for i := 0; i < len(lines); i += 10 {
			path, _, ok := strings.Cut(lines[i], ":")
			if !ok {
				continue
			}
			for _, flag := range []string{"--show-exports", "--dump-modversions"} {
				args := []string{flag, filepath.Join(tr.dir, path)}
				compare(t, "modprobe", args, args)
			}
		}
	}
}

// hostile are configurations that should do as little harm here as with kmod.
var hostile = map[string]map[string]string{
	"rings": {"a.conf": "alias nbd dummy\nalias dummy nbd\nalias self self\nalias c1 c2\nalias c2 loop\nsoftdep a pre: b\nsoftdep b pre: a\n" +
		"softdep loop pre: nbd post: loop\nsoftdep brd pre: loop\nsoftdep tun post: brd\nalias off1 off\nalias none nosuchmod\n"},
	"duplicates": {"a.conf": "alias two dummy\nalias two nbd\nalias two dummy\nblacklist loop\nblacklist loop\noptions dummy a=1\noptions dummy a=1\noptions dummy b=\"x y\"\n" +
		"softdep nbd pre: dummy\nsoftdep nbd pre: brd\ninstall tun echo 1\ninstall tun echo 2\nalias via loop\n",
		"b.conf": "options dummy a=3\nalias two tun\n"},
	"carriage returns": {"a.conf": "alias crlf dummy\r\noptions dummy numdummies=3\r\nblacklist loop\r\nsoftdep nbd pre: brd\r\ninstall tun echo x\r\nalias last loop"},
	"no newline":       {"a.conf": "options loop a=1", "b.conf": "alias x loop", "c.conf": "", "d.conf": "#"},
	"long lines": {"a.conf": "options loop " + strings.Repeat("x", 1<<20) + "\nalias " +
		strings.Repeat("y", 100<<10) + " dummy\noptions nbd a=1\n"},
	"joined lines": {"a.conf": "options loop \\\n  a=1 \\\n\\\n b=2\noptions nbd c\\\n=3\n#comment \\\noptions ghost a=1\nremove loop x\\\\y\ninstall tun echo\tq \\\n two\n"},
	"nonsense": {"a.conf": "  # indented\nbogus line\nalias\nalias a\noptions nosuch\noptions  \nblacklist\ninstall nbd\nsoftdep nbd\nsoftdep nbd xx pre: loop\nsoftdep brd Pre: loop\n" +
		"alias [x-y]-z loop\nalias [x-y loop\nalias x]-y loop\nconfig x\ninclude y\noptions\tloop\t\ta=1\t\n\toptions dummy y=1\nalias a\\\nb tun\nsoftdep tun pre:brd\nsoftdep loop pre: nbd,brd post:\n",
		"hidden/x.conf": "options ghost a=1\n", ".dot.conf": "options ghost a=1\n", "other.txt": "options ghost a=1\n"},
	"patterns": {"a.conf": "alias lo?? loop\nalias nb* dummy\nalias n* loop\nalias dash-x[a-c]-y dummy\nsoftdep lo* pre: dummy\ninstall dum* echo dum\noptions lo* c=3\noptions al a=1\n" +
		"options loop b=2\nalias al loop\nblacklist lo*\nalias ex nbd\nsoftdep ex pre: brd\ninstall ex echo ex\noptions block_major_7_5 q=1\n"},
	"rules": {"a.conf": "install loop /bin/true $CMDLINE_OPTS\noptions loop z=1\ninstall onlyrule echo hi\nremove onlyremove echo bye\nsoftdep onlyrule pre: nbd\ninstall brd echo brd\n" +
		"softdep brd pre: virtio_net post: nbd\ninstall virtio_net echo vn\nalias rulealias onlyrule\nremove loop echo removing\nsoftdep tun pre: onlyrule post: onlyremove\n"},
	"soft dependencies": {"a.conf": "softdep ext4 pre: ext2 post: ext4\nsoftdep fuse post: pre: brd post: dummy post: nbd pre: ext2\nsoftdep btrfs pre: block-major-7-0 symbol:virtio_check_driver_offered_feature al\n" +
		"alias al loop\noptions al a=1\nsoftdep vfat pre: nosuch unix loop\nsoftdep dummy post: vfat pre: fuse\nblacklist vfat\n"},
}

var hostileNames = strings.Fields(`
	loop nbd dummy brd tun self c1 c2 off1 none two via crlf last x a ab ghost lofo nbx nxx dash_xb_y dash-xb-y al
	ex block-major-7-5 block-major-7-0 onlyrule onlyremove rulealias ext4 ext2 fuse btrfs vfat virtio_net
	virtio-net nosuch loop.ko LOOP symbol:nosuch symbol:virtio_check_driver_offered_feature [x_z x_z a-z`)

func TestHostileConfigsLikeKmod(t *testing.T) {
	for _, tr := range testTrees(t) {
		for name, files := range hostile {
			t.Run(tr.release+"/"+name, func(t *testing.T) {
				dir := t.TempDir()
				for file, text := range files {
					writeFile(t, filepath.Join(dir, file), text)
				}
				if err := os.Symlink("nowhere", filepath.Join(dir, "dangling.conf")); err != nil {
					t.Fatal(err)
				}
				for _, flags := range []string{"-D", "-R", "-nv", "-bD", "-iD", "-n"} {
					for _, n := range hostileNames {
						args := tr.args(dir, flags, n, "own=1")
						if flags == "-R" {
							args = tr.args(dir, flags, n)
						}
						compare(t, "modprobe", args, ours(args, "--first-softdep"))
					}
				}
				// kmod 30 prints the modules between a list's first and last as
				// well when pre: and post: take turns in a softdep line.
				if name != "soft dependencies" {
					args := tr.args(dir, "-c")
					compare(t, "modprobe", args, args)
				}
			})
		}
	}
}
