// SPDX-License-Identifier: MIT

package hints

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/lazyregexp"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// headersOf are the headers of a Debian kernel in the cache.
type headersOf struct {
	version Version
	root    string
}

// cachedHeaders finds the kernels that were fetched; at least the one that all tests use is needed.
func cachedHeaders(t *testing.T) []headersOf {
	t.Helper()
	cache, err := os.UserCacheDir()
	if err != nil {
		needs.Missing(t, "%v", err)
	}
	var list []headersOf
	for _, name := range []string{"bullseye", "bookworm", "trixie", "trixie-backports"} {
		root := filepath.Join(cache, "kmodlab/kernels/debian-"+name+"/root")
		found, err := filepath.Glob(filepath.Join(root, "usr/src/linux-headers-*-common*"))
		if err != nil || len(found) != 1 {
			continue
		}
		release := strings.TrimPrefix(filepath.Base(found[0]), "linux-headers-")
		v, ok := ParseVersion(release)
		if !ok {
			t.Fatalf("no version in %s", release)
		}
		list = append(list, headersOf{v, root})
	}
	if len(list) == 0 {
		needs.Missing(t, "no kernel in the cache; type: kmodlab kernel fetch debian:bookworm")
	}
	return list
}

// read returns the text of those of the files, separated by bars, that the kernel has.
func (h headersOf) read(t *testing.T, in string) string {
	t.Helper()
	var text strings.Builder
	for name := range strings.SplitSeq(in, "|") {
		pattern := "usr/src/linux-headers-*-common*/include/" + name
		switch {
		case name == "Module.symvers":
			pattern = "usr/src/linux-headers-*-amd64/" + name
		case strings.HasPrefix(name, "scripts/"):
			pattern = "usr/lib/linux-kbuild-*/" + name
		}
		files, err := filepath.Glob(filepath.Join(h.root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text.Write(data)
		}
	}
	return text.String()
}

// TestChangesInHeaders compares each row with the headers of real kernels: the new way is there from Added on, the old
// one until Gone.
func TestChangesInHeaders(t *testing.T) {
	checked := 0
	for _, h := range cachedHeaders(t) {
		for _, c := range Changes() {
			if c.In == "" {
				continue
			}
			text := h.read(t, c.In)
			name := fmt.Sprintf("%s, %s in %s", h.version, c.Old, c.In)
			if c.NewIn != "" {
				has := regexp.MustCompile(c.NewIn).MatchString(text)
				if want := !h.version.Before(c.Added); has != want && !slices.Contains(c.Backported, h.version) {
					t.Errorf("%s: the new way (%s) is there: %t, since %s", name, c.NewIn, has, c.Added)
				}
				checked++
			}
			if c.OldIn != "" && !h.version.Before(c.OldFrom) {
				has := regexp.MustCompile(c.OldIn).MatchString(text)
				if want := h.version.Before(c.Gone); has != want && !slices.Contains(c.Backported, h.version) {
					t.Errorf("%s: the old way (%s) is there: %t, gone since %s", name, c.OldIn, has, c.Gone)
				}
				checked++
			}
		}
	}
	t.Logf("%d statements checked", checked)
}

// page is docs/api-changes.md, and how to write it.
const (
	pageFile  = "../../docs/api-changes.md"
	pageWrite = "KMODLAB_UPDATE=1 go test ./internal/hints -run TestPage"
)

// plain keeps C from being read as Markdown.
var plain = strings.NewReplacer("*", `\*`, "<", `\<`, "|", `\|`)

// TestPage compares the page with the table, and with KMODLAB_UPDATE writes it.
func TestPage(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Changes of the kernel's interface\n\nWhat out-of-tree modules stumble over between 5.10 and 7.3, and what older lessons " +
		"still teach. kmodlab's hints about\nbuilds come from the table in internal/hints, and so does this page:\n\n    " + pageWrite +
		"\n\nA test compares each row with the headers of Debian's 5.10, 6.1, 6.12 and 7.3; a row that these cannot show " +
		"names its\nsource instead. *new since* is the first version in which the new way works, *old until* the first in " +
		"which the old one\ndoes not. Stable kernels of older versions sometimes have the new way too.\n\n" +
		"| old | new | new since | old until | seen in |\n|---|---|---:|---:|---|\n")
	for _, c := range Changes() {
		in := "`" + strings.ReplaceAll(c.In, "|", "`, `") + "`"
		if c.In == "" {
			in = c.Source
		}
		since := c.Added.String()
		if c.Added.Before(Version{5, 0}) {
			since = "before 5.0"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", plain.Replace(c.Old), plain.Replace(c.New), since, c.Gone, in)
	}
	got := b.String()
	if os.Getenv("KMODLAB_UPDATE") != "" {
		if err := os.WriteFile(pageFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(pageFile)
	if err != nil || string(want) != got {
		t.Errorf("the page is not what the table says (%v); type: %s", err, pageWrite)
	}
}

// TestTableOfChanges: each row can be found by what a compiler says, has words, and names where it comes from.
func TestTableOfChanges(t *testing.T) {
	all := Changes()
	if len(all) < 60 {
		t.Errorf("only %d rows", len(all))
	}
	for _, c := range all {
		if c.New == "" || c.Old == "" || c.Gone.Before(c.Added) || c.Gone == (Version{}) {
			t.Errorf("%+v: no words, or no versions", c)
		}
		if c.In == "" && c.Source == "" || c.In != "" && c.OldIn == "" && c.NewIn == "" {
			t.Errorf("%s: nothing shows it", c.Old)
		}
		if len(c.Was) == 0 && c.SaysOld == nil {
			t.Errorf("%s: nothing finds it", c.Old)
		}
		for _, r := range []*lazyregexp.Regexp{c.SaysOld, c.SaysNew} {
			if r != nil && r.MatchString("'x' undeclared") {
				t.Errorf("%s fits every complaint", c.Old)
			}
		}
	}
}

// TestOfChange has complaints of real compilers.
func TestOfChange(t *testing.T) {
	for _, c := range []struct{ version, said, want string }{
		{"6.1", `macro "class_create" requires 2 arguments, but only 1 given`, "class_create(THIS_MODULE, name)"},
		{"6.4", `too many arguments to function 'class_create'`, "since 6.4, instead of class_create(THIS_MODULE, name), use class_create(name)"},
		{"6.3", `too many arguments to function 'class_create'`, "class_create(THIS_MODULE, name)"},
		{"7.3", "implicit declaration of function 'del_timer_sync' [-Wimplicit-function-declaration]", "timer_delete_sync"},
		{"6.12", "implicit declaration of function 'del_timer_sync' [-Wimplicit-function-declaration]", ""},
		{"7.3", "implicit declaration of function 'from_timer'; did you mean 'mod_timer'? [-Wimplicit-function-declaration]",
			"timer_container_of"},
		{"6.1", "implicit declaration of function 'timer_container_of'", "from_timer"},
		{"7.3", "implicit declaration of function 'strlcpy'; did you mean 'strncpy'?", "strscpy"},
		{"6.12", "asm/unaligned.h: No such file or directory", "<linux/unaligned.h>"},
		{"6.1", "linux/unaligned.h: No such file or directory", "<asm/unaligned.h>"},
		{"6.1", "passing argument 4 of 'proc_create' from incompatible pointer type [-Werror=incompatible-pointer-types]",
			"struct proc_ops"},
		{"7.3", "initialization of 'void (*)(struct platform_device *)' from incompatible pointer type " +
			"'int (*)(struct platform_device *)' [-Wincompatible-pointer-types]", "void remove"},
		{"6.1", "initialization of 'int (*)(struct platform_device *)' from incompatible pointer type " +
			"'void (*)(struct platform_device *)' [-Werror=incompatible-pointer-types]", "int remove"},
		{"7.3", "'MYLAB' undeclared here (not in a function) in expansion of macro 'MODULE_IMPORT_NS' ", "with quotes"},
		{"6.1", "'struct task_struct' has no member named 'state'", "READ_ONCE(task->__state)"},
		{"6.1", "'struct mine' has no member named 'state'", ""},
		{"6.12", "'struct file_operations' has no member named 'iterate'", "iterate_shared"},
		{"6.12", "'struct mine_operations' has no member named 'iterate'", ""},
		{"6.12", "invalid use of undefined type 'struct file'", ""},
		{"6.12", "storage size of 'state' isn't known", ""},
		{"6.12", "storage size of 'ts' isn't known 'struct timespec'", "struct timespec64"},
		{"6.12", "implicit declaration of function 'class_create'", ""},
		{"6.1", "implicit declaration of function 'bio_alloc'", ""},
		{"6.12", "'no_llseek' undeclared here (not in a function); did you mean 'noop_llseek'?",
			"since 6.12, .llseek = no_llseek is not needed any more: leave the line out"},
		{"6.12", "assignment of read-only member 'vm_flags'", "vm_flags_set"},
		{"6.1", `"kallsyms_lookup_name"`, "not exported to modules any more (since 5.7)"},
		{"6.1", "'mine' undeclared (first use in this function)", ""},
		{"6.1", "implicit declaration of function 'create_proc_entry'; did you mean 'remove_proc_entry'?", "proc_create"},
		{"6.1", "implicit declaration of function 'kernel_thread'; did you mean 'kref_read'?", "use kthread_run(function, data, name)"},
		{"7.3", "passing argument 2 of 'request_irq' from incompatible pointer type", "irqreturn_t handler(int, void *)"},
		{"7.3", "'struct platform_driver' has no member named 'remove_new'; did you mean 'remove'?", "use .remove"},
		{"6.12", "'struct platform_driver' has no member named 'remove_new'", ""},
		{"7.3", "'struct class' has no member named 'owner'", "leave the line out"},
		{"7.3", "'struct mine' has no member named 'owner'", ""},
		{"7.3", "implicit declaration of function 'mount_nodev' [-Wimplicit-function-declaration]", "init_fs_context"},
		{"6.1", "too few arguments to function 'register_shrinker'", "register_shrinker(&shrinker, name)"},
		{"7.3", "implicit declaration of function 'rdmsrl'; did you mean 'rdmsrq'?", "since 6.16, instead of rdmsrl"},
		{"6.1", "void value not ignored as it ought to be 'debugfs_create_u32'", "it returns nothing"},
		{"6.1", "void value not ignored as it ought to be 'mine'", ""},
		{"7.3", "expected '=', ',', ';', 'asm' or '__attribute__' before 'p' '__devinit'", "leave it out"},
		{"garbage", "'mine' undeclared", ""},
	} {
		v, _ := ParseVersion(c.version)
		if got := OfChange(c.said, v); (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s on %s: %q, want %q in it", c.said, c.version, got, c.want)
		}
	}
}
