// SPDX-License-Identifier: MIT

package kmod

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/kmod/kmodtest"
)

const symvers = "0x00000001\tprintk\tvmlinux\tEXPORT_SYMBOL\t\n0x00000002\tsecret\tvmlinux\tEXPORT_SYMBOL_GPL\tHIDDEN\n" +
	"0x00000003\tkernel_sym\tdrivers/kernel\tEXPORT_SYMBOL\t\n0x00000004\tabsent_sym\tdrivers/absent\tEXPORT_SYMBOL\t\ngarbage\n"

// planTree is a kernel with the modules base and kernel (which needs base), and headers behind an absolute link.
func planTree(t *testing.T, withSymvers bool) *Tree {
	t.Helper()
	tree := testTree(t, map[string][]byte{
		"kernel/base.ko": kmodtest.Exporting("base"), "kernel/kernel.ko": kmodtest.Exporting("kernel", "base"),
		"kernel/soft.ko":  kmodtest.Exporting("soft"),
		"modules.dep":     []byte("kernel/base.ko:\nkernel/kernel.ko: kernel/base.ko\nkernel/soft.ko:\n"),
		"modules.symbols": []byte("alias symbol:base_sym base\nalias symbol:kernel_sym kernel\nalias symbol:soft_sym soft\n"),
	})
	if !withSymvers {
		return tree
	}
	headers := filepath.Join(tree.Root, "usr/src/headers")
	if err := os.MkdirAll(headers, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/usr/src/headers", filepath.Join(tree.Dir(), "build")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(headers, "Module.symvers"), []byte(symvers), 0o644); err != nil {
		t.Fatal(err)
	}
	return tree
}

type need = kmodtest.Need

func freshModule(name string, info []string, needs ...need) []byte {
	return kmodtest.Module{Info: append([]string{"vermagic=" + kmodtest.Kernel}, info...),
		Needs:   append(needs, need{Name: "printk", CRC: 1}),
		Exports: []kmodtest.Export{{Name: name + "_sym", CRC: 7}}}.Bytes()
}

func TestPlanOrder(t *testing.T) {
	dir := writeFiles(t, map[string][]byte{
		"a.ko": freshModule("a", []string{"depends=z-last,kernel", "softdep=pre: soft"},
			need{Name: "z_last_sym", CRC: 7}, need{Name: "kernel_sym"}),
		"sub/b.ko":  freshModule("b", nil),
		"z-last.ko": freshModule("z_last", nil, need{Name: "weak_one", Weak: true}),
	})
	tree := planTree(t, true)
	for names, want := range map[string]string{
		"":         "soft* z_last base* kernel* a b",
		"b":        "b",
		"b z-last": "b z_last",
		"a":        "soft* z_last base* kernel* a",
		"base b":   "base* b",
	} {
		p, err := NewPlan(tree, []string{dir}, strings.Fields(names))
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range p.Modules {
			if m.InTree {
				m.Name += "*"
			}
			got = append(got, m.Name)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%q: got %q, want %q", names, s, want)
		}
		if len(p.Unchecked) > 0 || len(p.Warnings) > 0 {
			t.Errorf("%q: unchecked %v, warnings %v", names, p.Unchecked, p.Warnings)
		}
	}
	p, err := NewPlan(tree, []string{dir}, []string{"a"})
	if err != nil {
		t.Fatal(err)
	}
	fresh := p.Fresh()
	if len(fresh) != 2 || strings.Join(fresh[1].Depends, " ") != "z_last kernel" ||
		fresh[1].Path != filepath.Join(dir, "a.ko") {
		t.Errorf("fresh: %+v", fresh)
	}
}

func TestPlanRefuses(t *testing.T) {
	vermagic := func(s string) []byte { return kmodtest.Module{Info: []string{"vermagic=" + s}}.Bytes() }
	older := kmodtest.Module{Info: []string{"vermagic=" +
		strings.Replace(kmodtest.Kernel, kmodtest.Release, "5.10.0", 1)},
		Needs: []need{{Name: "kernel_sym", CRC: 9}, {Name: "printk", CRC: 8}}}.Bytes()
	arm := kmodtest.Module{Machine: 183, Info: []string{"vermagic=" + kmodtest.Kernel}}.Bytes()
	vmlinuxDup := kmodtest.Module{Info: []string{"vermagic=" + kmodtest.Kernel},
		Exports: []kmodtest.Export{{Name: "printk"}}}.Bytes()
	for _, tc := range []struct {
		name  string
		files map[string][]byte
		is    error
		want  string
	}{
		{"missing symbol", map[string][]byte{"a.ko": freshModule("a", nil, need{Name: "nobody_has"})}, ErrUnknownSymbol,
			"a needs symbol nobody_has, which neither"},
		{"exporter not given", map[string][]byte{"a.ko": freshModule("a", []string{"depends=sibling"},
			need{Name: "sibling_sym"})}, ErrUnknownSymbol, "which sibling exports; add that module"},
		{"exporter not in the tree", map[string][]byte{"a.ko": freshModule("a", nil, need{Name: "absent_sym"})},
			ErrUnknownSymbol, "drivers/absent exports"},
		{"symbol version", map[string][]byte{"a.ko": freshModule("a", nil, need{Name: "kernel_sym", CRC: 9})},
			ErrSymbolVersion, "0x00000009, the kernel has 0x00000003"},
		{"symbol versions of a release", map[string][]byte{"a.ko": older}, ErrVermagic,
			"a is for another kernel: built for release 5.10.0, the kernel is 6.1.0-test; build it with the headers of 6.1.0-test"},
		{"namespace", map[string][]byte{"a.ko": freshModule("a", nil, need{Name: "secret"})}, ErrNamespace,
			`add MODULE_IMPORT_NS("HIDDEN") to the source`},
		{"release", map[string][]byte{"a.ko": vermagic("5.10.0 SMP mod_unload ")}, ErrVermagic,
			"built for release 5.10.0, the kernel is 6.1.0-test; only the kernel has preempt modversions"},
		{"flags", map[string][]byte{"a.ko": vermagic(kmodtest.Release + " SMP preempt_rt mod_unload modversions ")},
			ErrVermagic, "only the module has preempt_rt; only the kernel has preempt;"},
		{"no vermagic", map[string][]byte{"a.ko": kmodtest.Module{}.Bytes()}, ErrVermagic, "it has no vermagic"},
		{"machine", map[string][]byte{"a.ko": arm}, ErrWrongMachine, "a module for aarch64, the kernel is for x86_64"},
		{"one name twice", map[string][]byte{"x/a.ko": freshModule("a", nil), "y/a.ko": freshModule("b", nil)},
			ErrDuplicate, "module a comes from both"},
		{"one symbol twice", map[string][]byte{"a.ko": freshModule("s", nil), "b.ko": freshModule("s", nil)},
			ErrDuplicate, "symbol s_sym comes from both a and b"},
		{"the kernel's symbol", map[string][]byte{"a.ko": vmlinuxDup}, ErrDuplicate,
			"symbol printk comes from both the kernel and a"},
		{"ring", map[string][]byte{"a.ko": freshModule("a", nil, need{Name: "b_sym"}),
			"b.ko": freshModule("b", nil, need{Name: "a_sym"})}, ErrCycle, "a -> b -> a"},
		{"broken", map[string][]byte{"a.ko": freshModule("a", nil)[:300]}, ErrInvalidModule,
			"a.ko: not a module: truncated"},
		{"nothing", map[string][]byte{"a.c": nil}, ErrNotFound, "no module file (.ko)"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := NewPlan(planTree(t, true), []string{writeFiles(t, tc.files)}, nil)
			if !errors.Is(err, tc.is) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v\nwant %v with %q", err, tc.is, tc.want)
			}
		})
	}
}

func TestPlanTellsEverything(t *testing.T) {
	dir := writeFiles(t, map[string][]byte{"a.ko": freshModule("a", nil, need{Name: "nobody"}),
		"b.ko": []byte("text\n"), "c.ko": kmodtest.Module{}.Bytes()})
	_, err := NewPlan(planTree(t, true), []string{dir}, nil)
	for _, is := range []error{ErrUnknownSymbol, ErrInvalidModule, ErrVermagic} {
		if !errors.Is(err, is) {
			t.Errorf("%v is missing in %v", is, err)
		}
	}
}

// The kernel loads a module of another release with the same flags when it has
// symbol versions; without Module.symvers nobody knows the kernel's symbols.
func TestPlanWarns(t *testing.T) {
	other := kmodtest.Module{Info: []string{"name=other",
		"vermagic=" + strings.Replace(kmodtest.Kernel, kmodtest.Release, "6.1.0-other", 1)},
		Needs: []need{{Name: "printk", CRC: 1}, {Name: "unseen"}}}
	p, err := NewPlan(planTree(t, false), []string{writeFiles(t, map[string][]byte{"a.ko": other.Bytes()})}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Warnings) != 2 || !strings.Contains(p.Warnings[0].Error(), "a.ko holds module other") ||
		!errors.Is(p.Warnings[1], ErrVermagic) {
		t.Errorf("warnings: %v", p.Warnings)
	}
	if strings.Join(p.Unchecked, " ") != "printk unseen" {
		t.Errorf("unchecked: %v", p.Unchecked)
	}
}

func TestTreeVermagic(t *testing.T) {
	tree := planTree(t, false)
	if v, err := tree.Vermagic(); v != kmodtest.Kernel || err != nil {
		t.Errorf("got %q, %v", v, err)
	}
}
