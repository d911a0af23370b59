// SPDX-License-Identifier: MIT

package kbuild

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// files are a module folder's, by relative name.
type files map[string]string

// advice is a folder that does not build, and how a person follows the hint to its letter. follow gets the hint and
// changes the files; what results has to build.
type advice struct {
	name   string
	kernel string // Debian's suite; bookworm unless it says otherwise
	files  files
	below  string // the folder to give, below the files' own; empty for all of it
	say    string // a part of the message
	hint   string // a part of the hint
	follow func(t *testing.T, hint string, f files)
	gives  string // the folder that the hint says to give
	ends   bool   // the hint ends the matter: nothing here can be built
}

// addLine adds the line that the hint names, to the file that it names or to file.
func addLine(file string) func(*testing.T, string, files) {
	return func(t *testing.T, hint string, f files) {
		m := regexp.MustCompile(`this line(?: to it| to the source| in a file Kbuild there| to \w+)?: ([^,]+)`).FindStringSubmatch(hint)
		if m == nil {
			t.Fatalf("the hint %q names no line", hint)
		}
		f[file] += m[1] + "\n"
	}
}

// write replaces what the hint says to replace.
func write(file, old, with string) func(*testing.T, string, files) {
	return func(t *testing.T, hint string, f files) {
		if !strings.Contains(hint, with) || !strings.Contains(f[file], old) {
			t.Fatalf("the hint %q does not say %q, or %s has no %q", hint, with, file, old)
		}
		f[file] = strings.ReplaceAll(f[file], old, with)
	}
}

// writeName replaces a call in m.c that the hint shows with a name for the text "lab".
func writeName(old, with string) func(*testing.T, string, files) {
	return func(t *testing.T, hint string, f files) {
		if !strings.Contains(hint, "instead of "+old+", use "+with) {
			t.Fatalf("the hint %q does not say to use %s", hint, with)
		}
		f["m.c"] = strings.ReplaceAll(f["m.c"], strings.ReplaceAll(old, "name", `"lab"`),
			strings.ReplaceAll(with, "name", `"lab"`))
	}
}

// include adds the #include that the hint names.
func include(file string) func(*testing.T, string, files) {
	return func(t *testing.T, hint string, f files) {
		_, line, ok := strings.Cut(hint, "to the source: ")
		if !ok {
			t.Fatalf("%q names no line", hint)
		}
		f[file] = line + "\n" + f[file]
	}
}

// code is a module whose init has these lines.
func code(include, body string) string {
	return "#include <linux/module.h>\n" + include + "\nstatic int __init m_init(void)\n{\n" + body +
		"\n\treturn 0;\n}\n" +
		"static void __exit m_exit(void)\n{\n}\nmodule_init(m_init);\nmodule_exit(m_exit);\nMODULE_LICENSE(\"GPL\");\n"
}

const newest = "trixie-backports"

func advices() []advice {
	makefile := files{"Makefile": "obj-m := m.o\n"}
	with := func(more files) files {
		all := maps.Clone(makefile)
		maps.Copy(all, more)
		return all
	}
	object := code("", "")
	return []advice{
		{name: "no Kbuild", files: files{"m.c": object}, say: "no Kbuild or Makefile", hint: "this Kbuild would do",
			follow: func(_ *testing.T, hint string, f files) {
				f["Kbuild"] = strings.TrimPrefix(hint, "this Kbuild would do: ") + "\n"
			}},
		{name: "no obj-m", files: files{"Makefile": "all:\n\tmake -C /lib/modules/x/build M=$(PWD) modules\n", "m.c": object},
			say: "sets no obj-m", follow: addLine("Makefile")},
		{name: "folders below", files: files{"a/Kbuild": "obj-m := m.o\n", "a/m.c": object}, say: "no Kbuild or Makefile",
			follow: addLine("Kbuild")},
		{name: "deep below", files: files{"x/y/Kbuild": "obj-m := m.o\n", "x/y/m.c": object}, say: "no Kbuild or Makefile",
			follow: addLine("Kbuild")},
		{name: "rules for folders", files: files{"liba/Makefile": "obj-m := m.o\n", "liba/m.c": object,
			"Makefile": "KDIR ?= /x\n" +
				"all:\n\t$(MAKE) -C $(KDIR) M=$(CURDIR)/liba modules\n"}, say: "(liba)", follow: addLine("Makefile")},
		{name: "unset option", files: files{"Makefile": "lab-y := m.o\nobj-$(CONFIG_MYLAB) := lab.o\n", "m.c": object},
			say: "nothing sets CONFIG_MYLAB", follow: func(t *testing.T, hint string, f files) {
				_, line, ok := strings.Cut(hint, "at the top of Makefile: ")
				if !ok {
					t.Fatal(hint)
				}
				f["Makefile"] = line + "\n" + f["Makefile"]
			}},
		{name: "obj-y", files: files{"Makefile": "obj-y := m.o\n", "m.c": object}, say: "kernel image",
			follow: write("Makefile", "obj-y", "obj-m")},
		{name: "its own part", files: files{"Makefile": "obj-m := m.o\nm-objs := m.o part.o\n", "m.c": object,
			"part.c": "int part(void);\nint part(void) { return 1; }\n"}, say: "one of its own parts",
			follow: func(t *testing.T, hint string, f files) {
				if !strings.Contains(hint, "obj-m := m_mod.o and m_mod-y := m.o …") {
					t.Fatal(hint)
				}
				f["Makefile"] = "obj-m := m_mod.o\nm_mod-y := m.o part.o\n"
			}},
		{name: "two of a name", files: files{"Makefile": "obj-m := one/ two/\n", "one/Makefile": "obj-m := m.o\n",
			"two/Makefile": "obj-m := m.o\n", "one/m.c": object, "two/m.c": object}, say: "two modules are named m",
			hint: "only the folder of one", gives: "one"},
		{name: "no licence", files: with(files{"m.c": strings.Replace(object, "MODULE_LICENSE(\"GPL\");\n", "", 1)}),
			say: "missing MODULE_LICENSE", follow: addLine("m.c")},
		{name: "the folder above", files: files{"drv/Makefile": "obj-m := m.o\n", "common/lab.h": "#define LAB 1\n",
			"drv/m.c": "#include \"../common/lab.h\"\n" + object}, below: "drv", say: "../common/lab.h",
			hint: "obj-m += drv/", follow: addLine("Kbuild"), gives: "."},
		{name: "header in a folder", files: with(files{"m.c": "#include <mine.h>\n" + object,
			"inc/mine.h": "#define MINE 1\n"}),
			say: "mine.h: No such file", follow: addLine("Makefile")},
		{name: "built object", files: files{"Makefile": "obj-m := lab.o\nlab-y := m.o blob.o\n", "m.c": object,
			"blob.o": "!"}, say: "blob.o", hint: "blob.o_shipped", ends: true},
		{name: "typed wrong", files: files{"Makefile": "obj-m := moin.o\n", "main.c": object}, say: "moin.o",
			follow: write("Makefile", "moin.o", "main.o")},
		{name: "Rust", files: with(files{"m.rs": "//! lab\n"}), say: "m.rs is Rust", hint: "C only", ends: true},
		{name: "mistyped symbol", files: with(files{"m.c": code("void kfre(const void *p);", "\tkfre(NULL);")}),
			say: "kfre", hint: "did you mean kfree", follow: func(_ *testing.T, _ string, f files) {
				f["m.c"] = code("#include <linux/slab.h>", "\tkfree(NULL);")
			}},
		{name: "no include", files: with(files{"m.c": code("", "\tproc_remove(NULL);")}), say: "proc_remove",
			follow: include("m.c")},
		{name: "no include of asm-generic", files: with(files{"m.c": code("", "\tpr_info(\"%x\\n\", readl(NULL));")}),
			say: "readl", hint: "#include <linux/io.h>", follow: func(_ *testing.T, _ string, f files) {
				f["m.c"] = "#include <linux/io.h>\n" + f["m.c"]
			}},
		{name: "timespec", files: with(files{"m.c": code("#include <linux/ktime.h>",
			"\tstruct timespec64 a;\n\tstruct timespec t;\n\n\tktime_get_real_ts64(&a);\n\t(void)t;")}),
			say: "storage size", hint: "use struct timespec64", follow: func(_ *testing.T, _ string, f files) {
				f["m.c"] = strings.ReplaceAll(f["m.c"], "struct timespec t", "struct timespec64 t")
			}},
		{name: "not exported", files: with(files{"m.c": code("#include <linux/kallsyms.h>",
			"\tpr_info(\"%lx\\n\", kallsyms_lookup_name(\"jiffies\"));")}), say: "kallsyms_lookup_name",
			hint: "not exported to modules any more (since 5.7)", ends: true},
		{name: "class_create", files: with(files{"m.c": code("#include <linux/device.h>",
			"\tclass_destroy(class_create(\"lab\"));")}), say: "class_create",
			follow: writeName("class_create(name)", "class_create(THIS_MODULE, name)")},
		{name: "class_create", kernel: newest, files: with(files{"m.c": code("#include <linux/device.h>",
			"\tclass_destroy(class_create(THIS_MODULE, \"lab\"));")}), say: "class_create",
			follow: writeName("class_create(THIS_MODULE, name)", "class_create(name)")},
		{name: "del_timer_sync", kernel: newest, files: with(files{"m.c": code("#include <linux/timer.h>\n"+
			"static struct timer_list t;",
			"\ttimer_setup(&t, NULL, 0);\n\tdel_timer_sync(&t);")}), say: "del_timer_sync",
			follow: write("m.c", "del_timer_sync", "timer_delete_sync")},
		{name: "flags", kernel: newest, files: files{"Makefile": "EXTRA_CFLAGS := -I$(src)/inc\nobj-m := m.o\n",
			"m.c": "#include <mine.h>\n" + object, "inc/mine.h": "#define MINE 1\n"}, say: "mine.h",
			follow: write("Makefile", "EXTRA_CFLAGS", "ccflags-y")},
		{name: "strlcpy", kernel: newest, files: with(files{"m.c": code("#include <linux/string.h>\nstatic char b[9];",
			"\tstrlcpy(b, \"lab\", sizeof(b));")}), say: "strlcpy", follow: write("m.c", "strlcpy", "strscpy")},
		{name: "unaligned", files: with(files{"m.c": "#include <linux/unaligned.h>\n" + object}), say: "unaligned.h",
			follow: write("m.c", "linux/unaligned.h", "asm/unaligned.h")},
		{name: "namespace", kernel: newest, files: with(files{"m.c": code("", "") + "MODULE_IMPORT_NS(LAB);\n"}), say: "LAB",
			hint: `MODULE_IMPORT_NS("NAME")`, follow: func(_ *testing.T, _ string, f files) {
				f["m.c"] = strings.Replace(f["m.c"], "(LAB)", `("LAB")`, 1)
			}},
		{name: "kmalloc", files: with(files{"m.c": code("", "\tkfree(kmalloc(9, GFP_KERNEL));")}), say: "k",
			hint: "#include <linux/slab.h>", follow: include("m.c")},
		{name: "a type", files: with(files{"m.c": code("static struct miscdevice m = { .name = \"lab\" };",
			"\tpr_info(\"%s\\n\", m.name);")}), say: "incomplete type",
			hint: "#include <linux/miscdevice.h>", follow: include("m.c")},
		{name: "a typedef", files: with(files{"m.c": code("static irqreturn_t m;", "\tpr_info(\"%d\\n\", m);")}),
			say: "irqreturn_t", hint: "#include <linux/irqreturn.h>", follow: include("m.c")},
		{name: "declared only", files: with(files{"m.c": code("extern rwlock_t tasklist_lock;",
			"\tread_lock(&tasklist_lock);")}),
			say: "tasklist_lock", hint: "<linux/sched/task.h> declares tasklist_lock", ends: true},
		{name: "no semicolon", files: with(files{"m.c": code("", "\tint x = 3\n\tpr_info(\"%d\\n\", x);")}), say: "m.c:6",
			hint: "line 5 may lack a semicolon", follow: func(_ *testing.T, _ string, f files) {
				f["m.c"] = strings.Replace(f["m.c"], "x = 3", "x = 3;", 1)
			}},
		{name: "C library", files: with(files{"m.c": "#include <string.h>\n" + object}), say: "string.h",
			hint: "<linux/string.h>", follow: write("m.c", "<string.h>", "<linux/string.h>")},
		{name: "moved", files: with(files{"m.c": "#include <asm/semaphore.h>\n" + object}), say: "semaphore.h",
			hint: "it has <linux/semaphore.h>", follow: write("m.c", "<asm/semaphore.h>", "<linux/semaphore.h>")},
		{name: "two inits", files: with(files{"m.c": object + "module_init(m_init);\n"}), say: "__inittest",
			hint: "one module_init", ends: true},
		{name: "two inits", kernel: newest, files: files{
			"Makefile": "obj-m := lab.o\nlab-y := a.o b.o\n", "a.c": object, "b.c": object},
			say: "multiple definition of `init_module'", hint: "one module_init", ends: true},
		{name: "magic names", kernel: newest, files: with(files{"m.c": "#include <linux/module.h>\n" +
			"int init_module(void) { return 0; }\nMODULE_LICENSE(\"GPL\");\n"}), say: "m.c: objtool: init_module()",
			hint: "add module_init(name);", follow: func(_ *testing.T, _ string, f files) {
				f["m.c"] = "#include <linux/module.h>\nstatic int start(void) { return 0; }\nmodule_init(start);\nMODULE_LICENSE(\"GPL\");\n"
			}},
		{name: "left out", files: files{"Makefile": "obj-m := m.o\nm-objs := part.o\n", "m.c": object,
			"part.c": "int part(void);\nint part(void) { return 1; }\n"}, say: "missing MODULE_LICENSE",
			hint: "obj-m := m_mod.o and m_mod-y := m.o part.o", follow: func(_ *testing.T, _ string, f files) {
				f["Makefile"] = "obj-m := m_mod.o\nm_mod-y := m.o part.o\n"
			}},
		{name: "in the folder", files: with(files{"m.c": code("int part(void);", "\tpart();"),
			"part.c": "int part(void);\nint part(void)\n{\n\treturn 1;\n}\n"}), say: "part",
			hint: "write obj-m := m_mod.o and m_mod-y := m.o part.o in Makefile", follow: func(_ *testing.T, _ string, f files) {
				f["Makefile"] = "obj-m := m_mod.o\nm_mod-y := m.o part.o\n"
			}},
		{name: "no part", files: files{
			"Makefile": "obj-m := lab.o\nlab-y := m.o\n", "m.c": code("int part(void);", "\tpart();"),
			"part.c": "int part(void);\nint part(void)\n{\n\treturn 1;\n}\n"}, say: "part",
			hint: "write lab-y += part.o in Makefile", follow: func(_ *testing.T, _ string, f files) {
				f["Makefile"] += "lab-y += part.o\n"
			}},
		{name: "no object", files: files{"Makefile": "obj-m += m.c\n", "m.c": object}, say: "obj-m names m.c",
			follow: write("Makefile", "m.c", "m.o")},
		{name: "without .o", kernel: newest, files: files{"Makefile": "obj-m += m\n", "m.c": object}, say: "obj-m names m,",
			hint: "write m.o", follow: func(_ *testing.T, _ string, f files) { f["Makefile"] = "obj-m += m.o\n" }},
		{name: "its only source", files: files{"Makefile": "obj-m := driver.o\n", "m.c": object}, say: "driver.o",
			follow: write("Makefile", "driver.o", "m.o")},
		{name: "its own -Werror", files: files{"Makefile": "obj-m := m.o\nccflags-y := -Werror -Wall\n",
			"m.c": "static int unused;\n" + object}, say: "unused", hint: "-Werror in Makefile",
			follow: func(_ *testing.T, _ string, f files) { f["Makefile"] = "obj-m := m.o\n" }},
		{name: "shipped object", kernel: newest, files: files{
			"Makefile": "obj-m := lab.o\nlab-y := m.o blob.o\n", "m.c": object,
			"blob.o_shipped": "!"}, say: "blob.o", hint: "$(obj)/blob.o: $(src)/blob.o_shipped", ends: true},
		{name: "old lesson", files: with(files{"m.c": code("#include <linux/interrupt.h>",
			"\tpr_info(\"%d\\n\", IRQF_DISABLED);")}), say: "IRQF_DISABLED", hint: "leave the flag out", ends: true},
		{name: "__devinit", files: with(files{"m.c": code("static int __devinit m(void) { return 0; }", "\tm();")}),
			say: "expected", hint: "leave it out", follow: func(_ *testing.T, _ string, f files) {
				f["m.c"] = strings.Replace(f["m.c"], " __devinit", "", 1)
			}},
		{name: "other flavour", files: with(files{"m.c": code("void usb_deregister(void *);", "\tusb_deregister(NULL);")}),
			say: "usb_deregister", hint: "--kernel debian:bookworm/generic", ends: true},
	}
}

// TestFollowHints follows each hint about a build to its letter: the sources then build, and no hint leads to a new
// error or back to where it began.
func TestFollowHints(t *testing.T) {
	testKernel(t)
	for _, a := range advices() {
		t.Run(strings.TrimSuffix(a.name+" "+a.kernel, " "), func(t *testing.T) { a.test(t) })
	}
}

func (a *advice) test(t *testing.T) {
	k := suite(t, a.kernel)
	err := a.build(t, k, a.files, a.below)
	var failed *Error
	if !errors.As(err, &failed) {
		t.Fatalf("the build gives %v, want an error", err)
	}
	if failed.Hint == "" || !strings.Contains(failed.Message, a.say) || !strings.Contains(failed.Hint, a.hint) {
		t.Fatalf("%q, hint %q; want %q and %q", failed.Message, failed.Hint, a.say, a.hint)
	}
	f, give := maps.Clone(a.files), a.below
	if a.follow != nil && !a.ends {
		a.follow(t, failed.Hint, f)
	}
	if a.gives != "" {
		give = a.gives
	}
	if a.ends {
		return
	}
	if err := a.build(t, k, f, give); err != nil {
		t.Errorf("%q was followed, and then: %v\n%v", failed.Hint, err, f)
	}
}

// build writes the files and builds them, or a folder of them.
func (a *advice) build(t *testing.T, k *kernel.Kernel, f files, below string) error {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "lab")
	for name, text := range f {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := build(t, Request{Kernel: k, Sources: filepath.Join(dir, below)})
	return err
}

// suite is a Debian kernel of the cache.
func suite(t *testing.T, name string) *kernel.Kernel {
	t.Helper()
	if name == "" {
		return testKernel(t)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		needs.Missing(t, "%v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	store := kernel.Store{Dir: filepath.Join(cache, "kmodlab/kernels")}
	list, err := store.List()
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if list[i].Name == "debian:"+name {
			k, err := store.Get(ctx, list[i].Name)
			if err != nil {
				t.Fatal(err)
			}
			return k
		}
	}
	needs.Missing(t, "%s", fmt.Sprintf("debian:%s is not in the cache; type: kmodlab kernel fetch debian:%[1]s", name))
	return nil
}
