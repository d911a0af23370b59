// SPDX-License-Identifier: MIT

package kernel

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Finding is one line of kmodlab doctor: what was checked, whether it will do, what was found, and the command that
// fixes it.
type Finding struct {
	Name   string
	OK     bool
	Detail string
	Fix    string // empty if OK, or if no command can fix it
	// Optional is something that only some uses need: it is no fault if it is missing.
	Optional bool
}

// typicalSpace is the peak disk usage while one kernel is fetched.
const typicalSpace = 1200 << 20

// Check checks where kernels can come from on this host: Debian's mirror through apt, the cache, the host's own kernel.
// It runs apt's local queries and fetches nothing; a mirror that does not answer shows at the first fetch.
func (s *Store) Check(ctx context.Context) []Finding {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	list := s.checkApt(ctx)
	list = append(list, checkTools()...)
	return append(list, s.checkSpace(), s.checkCache(), checkHost())
}

func (s *Store) checkApt(ctx context.Context) []Finding {
	aptGet, err := findApt()
	if err != nil {
		return []Finding{{Name: "apt", Detail: err.Error(),
			Fix: "use the host's kernel (--kernel host) or files (--kernel path:VMLINUZ,MODULES)"}}
	}
	list := []Finding{{Name: "apt", OK: true, Detail: aptGet}}
	a, err := s.findArchive(ctx, aptGet)
	if err != nil {
		fix := "--mirror URL or KMODLAB_MIRROR=URL, the address of a Debian mirror"
		if a.main != "" {
			fix = "apt-get install debian-archive-keyring"
		}
		return append(list, Finding{Name: "Debian mirror", Detail: err.Error(), Fix: fix})
	}
	from := "from the host's apt sources"
	if s.Mirror != "" {
		from = "from --mirror or KMODLAB_MIRROR"
	}
	list = append(list, Finding{Name: "Debian mirror", OK: true, Detail: a.main + ", " + from})
	return append(list, checkKeys(a.keys))
}

// checkKeys checks that the keyrings needed for verification exist.
func checkKeys(keys []string) Finding {
	f := Finding{Name: "Debian keyring", OK: true, Fix: "apt-get install debian-archive-keyring"}
	for _, k := range keys {
		if !strings.HasPrefix(k, "/") {
			continue
		}
		if file, err := os.Open(k); err != nil {
			f.OK, f.Detail = false, err.Error()
			return f
		} else {
			file.Close()
		}
	}
	f.Fix, f.Detail = "", "in the host's apt sources"
	if i := slices.IndexFunc(keys, func(k string) bool { return strings.HasPrefix(k, "/") }); i >= 0 {
		f.Detail = strings.Join(keys, ", ")
	} else if len(keys) == 0 {
		f.Detail = "apt's trusted keys"
	}
	return f
}

func checkTools() []Finding {
	f := Finding{Name: "mke2fs"}
	path, err := lookTool("mke2fs")
	if err != nil {
		f.Detail, f.Fix = "not found; it creates the build machine's disk", "apt-get install e2fsprogs"
		return []Finding{f}
	}
	f.OK, f.Detail = true, path
	return []Finding{f}
}

// existing is the nearest existing folder at or above dir.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

func (s *Store) checkSpace() Finding {
	f := Finding{Name: "cache space"}
	dir := existing(s.Dir)
	free, err := freeBytes(dir)
	if err != nil {
		f.Detail = err.Error()
		return f
	}
	f.OK = free >= typicalSpace
	f.Detail = fmt.Sprintf("%s has %s free; one kernel takes up to %s while it is fetched", s.Dir, mib(free),
		mib(typicalSpace))
	if !f.OK {
		f.Fix = "free some space, or put the cache elsewhere with XDG_CACHE_HOME"
	}
	return f
}

func (s *Store) checkCache() Finding {
	f := Finding{Name: "cached kernels"}
	list, err := s.List()
	if err != nil {
		f.Detail, f.Fix = err.Error(), "kmodlab kernel rm NAME, then kmodlab kernel fetch NAME"
		return f
	}
	f.OK, f.Detail = true, "none yet"
	var names []string
	for _, k := range list {
		names = append(names, fmt.Sprintf("%s (%s)", k.Name, k.Release))
	}
	if len(names) > 0 {
		f.Detail = strings.Join(names, ", ")
	}
	return f
}

func checkHost() Finding {
	f := Finding{Name: "host kernel", Optional: true}
	k, err := hostKernel()
	if err != nil {
		f.Detail = "needed only for --kernel host and --here: " + err.Error()
		return f
	}
	if _, err := os.Stat(filepath.Join(k.BuildDir(), "Makefile")); err != nil {
		f.Detail = k.Release + ": image and modules found, headers missing"
		f.Fix = "apt-get install linux-headers-" + k.Release
		return f
	}
	f.OK, f.Detail = true, k.Release+": image, modules and headers found"
	return f
}
