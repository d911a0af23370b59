// SPDX-License-Identifier: MIT

package kmod

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConfigParse(t *testing.T) {
	c := &Config{}
	c.parse("x.conf", "# no\n\talias a-b[c-d] e-f g\noptions m-n\ta=1\t\"b\tc\" \\\nd\nblacklist q-r s\nsoftdep t pre: u post: v\nweakdep t w\n"+
		"install i echo \\\\ x\nremove r false\nforbid bad-*\n  # not a comment\nalias x\nalias ]x y\ninclude z\noptions n\x00 a=1\nblacklist last\r")
	want := &Config{
		Aliases: []Alias{{"a_b[c-d]", "e_f"}}, Options: []Rule{{"m_n", `a=1 "b c" d`}},
		Blacklist: []string{"q_r", "last\r"},
		Softdeps:  []Rule{{"t", "pre: u post: v"}}, Weakdeps: []Rule{{"t", "w"}}, Install: []Rule{{"i", `echo \ x`}},
		Remove: []Rule{{"r", "false"}}, Forbidden: []string{"bad_*"},
		Problems: []error{
			&ConfigError{"x.conf", 11, "a line cannot begin with '#'"},
			&ConfigError{"x.conf", 12, "alias needs more arguments"},
			&ConfigError{"x.conf", 13, "the brackets of ']x' do not match"},
			&ConfigError{"x.conf", 14, "include is no longer read by any kmod; move the lines into a file of their own"},
			&ConfigError{"x.conf", 15, "options needs more arguments"},
			&ConfigError{"x.conf", 0, "lines end in CR LF, and the CR counts as part of the last word; use LF alone"},
		},
	}
	if d := cmp.Diff(want, c); d != "" {
		t.Error(d)
	}
}

// What kmod 30 makes of the same line, shown by modprobe -c with it in the place
// of /proc/cmdline; but kmod keeps the - in names of modprobe.blacklist.
func TestConfigCmdline(t *testing.T) {
	c := &Config{}
	c.parseCmdline(`root=/dev/sda "virtio_net.x=a b" modprobe.blacklist=loop,nbd-x virtio-net.y="q r" foo.bar .x=1 a.=2 dummy.n modprobe.foo=1 ext4.z=1=2 -- -tun.t=1 0.0.0.0:2024 a.b.c=1 n.o=p=q.r` + "\n")
	want := &Config{
		Options: []Rule{{"virtio_net", `x="a b"`}, {"virtio_net", `y="q r"`}, {"foo", "bar"}, {"", "x=1"}, {"a", "=2"},
			{"dummy", "n"}, {"modprobe", "foo=1"},
			{"ext4", "z=1=2"}, {"_tun", "t=1"}, {"n", "o=p=q.r"}},
		Blacklist: []string{"loop", "nbd_x"},
	}
	if d := cmp.Diff(want, c); d != "" {
		t.Error(d)
	}
}

func TestConfigFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"one/b.conf": "blacklist one_b\n", "one/x.txt": "blacklist txt\n",
		"one/.a.conf": "blacklist dot\n", "two/b.conf": "blacklist two_b\n",
		"two/a.conf": "blacklist two_a\n", "two/sub.conf/x": "", "file": "blacklist file\n"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "one/c.conf")); err != nil {
		t.Fatal(err)
	}
	tree := &Tree{Root: dir, ConfigPaths: []string{filepath.Join(dir, "one"), filepath.Join(dir, "none"),
		filepath.Join(dir, "two"), filepath.Join(dir, "file")}, KernelCmdline: "modprobe.blacklist=last"}
	c, err := tree.Config()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"two_a", "one_b", "file", "last"}, c.Blacklist); d != "" {
		t.Error(d)
	}
	if len(c.Problems) != 1 || !strings.Contains(c.Problems[0].Error(), "sub.conf: it is a directory and is not read") {
		t.Errorf("problems: %v", c.Problems)
	}
}

func TestForbid(t *testing.T) {
	tree := indexedTree(t)
	tree.ConfigPaths = []string{filepath.Join(tree.Root, "forbid.conf")}
	if err := os.WriteFile(tree.ConfigPaths[0], []byte("forbid c\nforbid post\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var forbidden *ForbiddenError
	if _, err := tree.Steps("a-b", LoadOptions{}); !errors.Is(err, ErrForbidden) || !errors.As(err, &forbidden) ||
		forbidden.Module != "c" || forbidden.For != "a_b" {
		t.Errorf("a module that needs a forbidden one: %v", err)
	}
	if _, err := tree.Steps("post", LoadOptions{}); !errors.Is(err, ErrForbidden) {
		t.Errorf("a forbidden module: %v", err)
	}
	if steps, err := tree.Steps("d", LoadOptions{}); err != nil || len(steps) != 1 {
		t.Errorf("a module whose soft dependency is forbidden: %v, %v", steps, err)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("alias a-b[c-d] e\noptions m a=1 \\\n b\nblacklist x\r\nsoftdep t pre: u post: v\ninstall i x\\\\\nforbid z*\n", `a.b=1 "c.d=e f" modprobe.blacklist=x,y g.h="i`)
	f.Add("\\", "\"")
	f.Add("options a \x00\n[\n]\n#\\\n\\\n", ".=.")
	f.Fuzz(func(t *testing.T, text, cmdline string) {
		c := &Config{}
		c.parse("x.conf", text)
		c.parseCmdline(cmdline)
		size := 0
		for _, list := range [][]Rule{c.Options, c.Softdeps, c.Weakdeps, c.Install, c.Remove} {
			for _, r := range list {
				size += len(r.Name) + len(r.Text)
			}
		}
		if max := 2 * (len(text) + len(cmdline)); size > max {
			t.Fatalf("%d bytes of rules from %d", size, max/2)
		}
		c.params(TreeModule{Name: "m", alias: "a"})
		c.blacklisted("x")
		c.forbidden("zz")
		c.softdeps("t")
		ruleFor(c.Install, "i")
		(&Module{}).CheckParams(cmdline)
	})
}
