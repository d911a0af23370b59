// SPDX-License-Identifier: MIT

package kbuild

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kmodlab/kmodlab/internal/kernel"
)

// TestDefinedIn: a header is named only for what it defines under that name alone. An author's own variable may have
// the name of some enum, or of a word at the beginning of a line.
func TestDefinedIn(t *testing.T) {
	root := t.TempDir()
	for file, text := range map[string]string{
		"linux/types.h":   "typedef unsigned int u32;\ntypedef struct {\n\tint counter;\n} atomic_t;\n",
		"linux/rslib.h":   "/*\n  x, y and\n  ret = 0 */\n",
		"linux/mfd/one.h": "enum state {\n\tOFF = 0x0,\n\tIRQ_WAKE_THREAD\t= 2,\n};\n",
		"linux/gfp.h":     "#define GFP_KERNEL (1)\n#define gfp_any() 1\n",
		"linux/device.h":  "struct device {\n};\n",
	} {
		path := filepath.Join(root, "usr/src/linux-headers-1-common/include", file)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a := &adviser{kernel: &kernel.Kernel{Root: root}}
	for name, want := range map[string]string{
		"u32": "linux/types.h", "IRQ_WAKE_THREAD": "linux/mfd/one.h", "GFP_KERNEL": "linux/gfp.h",
		"struct device": "linux/device.h", "OFF": "linux/mfd/one.h",
		"state": "", "x": "", "ret": "", "counter": "", "nowhere": "",
	} {
		if got := a.definedIn(name); got != want {
			t.Errorf("%s is in %q, want %q", name, got, want)
		}
	}
}
