// SPDX-License-Identifier: MIT

package kbuild

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/kmodlab/kmodlab/internal/beneath"
	"github.com/kmodlab/kmodlab/internal/hints"
	"github.com/kmodlab/kmodlab/internal/lazyregexp"
)

// missingFile is about a header that the compiler did not find.
func (a *adviser) missingFile(name string, d Diagnostic) string {
	for _, l := range a.snap.outside {
		if strings.HasPrefix(l, name+" ") || strings.HasSuffix(strings.Fields(l)[0], "/"+name) {
			return "links out of the folder are not followed (" + l + "): copy the file in"
		}
	}
	if strings.HasPrefix(name, "../") {
		return a.fileAbove(name, d.File)
	}
	if h := hints.OfChange(d.Text, a.version); h != "" {
		return h
	}
	if file, _ := a.snap.kbuildFile(); file != "" {
		for _, old := range oldFlags {
			if lazyregexp.New(`(?m)^\s*` + old + `\b`).MatchString(a.snap.text(file)) {
				if h := hints.OfChange("'"+old+"'", a.version); h != "" {
					return file + ": " + h
				}
			}
		}
		if dir := a.snap.folderOf(name); dir != "" {
			return fmt.Sprintf("%s is in %s: add this line to %s: ccflags-y += -I$(src)/%s", path.Base(name), dir, file, dir)
		}
	}
	return a.nowhere(name, d)
}

// ofPrograms are headers of the C library, and what a module includes instead, "" where there is nothing.
var ofPrograms = map[string]string{
	"stdio.h":      "pr_info is in <linux/printk.h>",
	"stdlib.h":     "kmalloc is in <linux/slab.h>, kstrtol in <linux/kernel.h>",
	"string.h":     "<linux/string.h>",
	"strings.h":    "<linux/string.h>",
	"unistd.h":     "sleeping is in <linux/delay.h>",
	"pthread.h":    "threads are in <linux/kthread.h>, locks in <linux/mutex.h>",
	"errno.h":      "<linux/errno.h>",
	"math.h":       "",
	"stdint.h":     "<linux/types.h>",
	"inttypes.h":   "<linux/types.h>",
	"stdbool.h":    "<linux/types.h>",
	"limits.h":     "<linux/limits.h>",
	"sys/types.h":  "<linux/types.h>",
	"fcntl.h":      "<linux/fcntl.h>",
	"signal.h":     "<linux/sched/signal.h>",
	"assert.h":     "<linux/bug.h>",
	"time.h":       "<linux/ktime.h>",
	"sys/time.h":   "<linux/ktime.h>",
	"ctype.h":      "<linux/ctype.h>",
	"sys/stat.h":   "<linux/stat.h>",
	"sys/ioctl.h":  "<linux/ioctl.h>",
	"sys/socket.h": "<linux/socket.h>",
	"netinet/in.h": "<linux/in.h>",
	"malloc.h":     "<linux/slab.h>",
	"iostream":     "",
	"sys/mman.h":   "<linux/mman.h>",
	"semaphore.h":  "<linux/semaphore.h>",
	"stdatomic.h":  "<linux/atomic.h>",
}

// nowhere is about a header that neither the folder nor the kernel has.
func (a *adviser) nowhere(name string, d Diagnostic) string {
	if instead, ok := ofPrograms[name]; ok {
		hint := name + " belongs to the C library, which programs have and the kernel does not"
		if instead != "" {
			hint += "; in a module, " + instead
		}
		return hint
	}
	if near := a.sameBase(name); near != "" {
		return fmt.Sprintf("this kernel has no <%s>; it has <%s>", name, near)
	}
	if a.snap.has(d.File) && strings.Contains(a.snap.text(d.File), `"`+name+`"`) {
		return fmt.Sprintf("%s is not in the folder: copy it there, or generate it before the build", name)
	}
	return ""
}

// sameBase finds the kernel's header whose name ends like one that does not exist; of several the shortest, and that of
// linux/ comes first.
func (a *adviser) sameBase(name string) string {
	best := ""
	dir := a.headers()
	if dir == "" || path.Dir(name) == "." {
		return ""
	}
	root := os.DirFS(dir)
	for _, top := range []string{"linux", "asm-generic", "uapi/linux", "net", "crypto"} {
		fs.WalkDir(root, top, func(p string, entry fs.DirEntry, err error) error {
			if err == nil && !entry.IsDir() && path.Base(p) == path.Base(name) && (best == "" || len(p) < len(best)) {
				best = p
			}
			return nil // a folder that cannot be read has nothing that we can name
		})
		if best != "" {
			return included(root, strings.TrimPrefix(best, "uapi/"))
		}
	}
	return ""
}

// oldFlags are variables that newer kernels ignore.
var oldFlags = []string{"EXTRA_CFLAGS", "EXTRA_AFLAGS", "EXTRA_LDFLAGS"}

// fileAbove is about a header that lies outside of the folder, which alone is copied.
func (a *adviser) fileAbove(name, from string) string {
	above := filepath.Dir(a.snap.dir)
	up := path.Join(path.Dir(from), name) // as the including file means it
	folder, err := beneath.Open(above)
	if err != nil {
		return ""
	}
	defer folder.Close()
	if file, ok := strings.CutPrefix(up, "../"); !ok || !folder.Has(file) {
		return "only the given folder is built: copy the file into it, or give a folder that holds both"
	}
	sub := filepath.Base(a.snap.dir)
	for _, f := range []string{"Kbuild", "Makefile"} {
		if text, err := folder.Read(f, maxSourceText); err == nil && strings.Contains(string(text), sub+"/") {
			return "only the given folder is built: give the folder above, " + above
		}
	}
	return fmt.Sprintf("only the given folder is built: give the folder above, %s, with this line in a file Kbuild there: "+
		"obj-m += %s/", above, sub)
}

// maxHeaders bounds the headers that are searched.
const maxHeaders = 20_000

// declaredIn finds the header of the kernel that declares a function or a variable, or defines a macro, as an #include
// names it. Of several it is the shortest name, and linux/ comes first.
func (a *adviser) declaredIn(name string) string {
	return a.headerWith(name, `(?m)^(?:#\s*define `+name+`\(|(?:[a-z_][\w (),]*[ *]+)`+name+`\(`+
		`|extern [\w *]*\b`+name+`(?:\[[^\]]*\])?(?:\s+\w+)*;)`)
}

// definedIn finds the header of the kernel that defines a type, a constant or a macro.
func (a *adviser) definedIn(name string) string {
	if of, ok := strings.CutPrefix(name, "struct "); ok {
		return a.headerWith(of, `(?m)^struct `+of+`\s*\{`)
	}
	pattern := `#\s*define ` + name + `\b|typedef [^;{]*\b` + name + `;`
	switch {
	case len(name) < 3: // a variable of the author's: i, x
		return ""
	case name == strings.ToUpper(name): // perhaps a constant of an enum; a line of any text may begin with other words
		pattern += `|\s+` + name + `\s*[=,]`
	}
	return a.headerWith(name, `(?m)^(?:`+pattern+`)`)
}

// headerWith finds the header of the kernel that has a word, in a text that fits a pattern.
func (a *adviser) headerWith(name, pattern string) string {
	dir := a.headers()
	if dir == "" {
		return ""
	}
	fits := lazyregexp.New(pattern)
	best, seen := "", 0
	root := os.DirFS(dir)
	for _, top := range []string{"linux", "net", "asm-generic", "crypto", "media", "sound", "drm"} {
		fs.WalkDir(root, top, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(p, ".h") {
				return nil // a header that cannot be read declares nothing that we can name
			}
			if seen++; seen > maxHeaders {
				return fs.SkipAll
			}
			text, err := fs.ReadFile(root, p)
			if err == nil && strings.Contains(string(text), name) && fits.MatchString(string(text)) &&
				(best == "" || len(p) < len(best)) {
				best = p
			}
			return nil
		})
		if best != "" {
			break
		}
	}
	return included(root, best)
}

// headers is the folder of the kernel's headers, "" if there is none.
func (a *adviser) headers() string {
	if a.kernel == nil {
		return ""
	}
	dirs, err := filepath.Glob(filepath.Join(a.kernel.Root, "usr/src/linux-headers-*-common*/include"))
	if err != nil || len(dirs) != 1 {
		return ""
	}
	return dirs[0]
}

// included is how sources name a header. Those of asm-generic are for the architectures, which may have their own.
func included(root fs.FS, header string) string {
	name, ok := strings.CutPrefix(header, "asm-generic/")
	if !ok {
		return header
	}
	if _, err := fs.Stat(root, "linux/"+name); err == nil {
		return "linux/" + name
	}
	return "asm/" + name
}
