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
