// SPDX-License-Identifier: MIT

package cli

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab/foreign"
	"github.com/kmodlab/kmodlab/internal/witness"
)

// witnesses are what a recording may say that was seen of a guest: the looks of each shape, and lists of each length.
func witnesses() []string {
	const view = `{"modules":[{"name":"m","at":1}],"tasks":[{"pid":1}],"programs":[{"at":1}],"hooked":["do_exit"]}`
	modules := func(name string) string {
		return `{"hooked":["do_exit"],"modules":[{"name":"` + name + `0"}` +
			strings.Repeat(`,{"name":"`+name+`1"}`, witness.MaxModules-1) + `]}`
	}
	return []string{
		`{}`, `{"first":` + view + `}`, `{"last":` + view + `}`, `{"first":` + view + `,"last":` + view + `}`,
		`{"why":"x","first":` + view + `}`, `{"last":` + view + `,"differences":["x"]}`,
		`{"first":` + modules("a") + `,"last":` + modules("b") + `}`,
		`{"first":{"modules":[null` + strings.Repeat(",null", 100_000) + `]},"last":{"hooked":[""` +
			strings.Repeat(`,""`, 100_000) + `]}}`,
	}
}

// FuzzReport reads a recording of any parts, judges it and writes it in every format. make fuzz bounds its memory.
// testdata/fuzz has seeds that once took too much.
func FuzzReport(f *testing.F) {
	dir := f.TempDir()
	f.Add(`{"booted":true,"agent_pid":1}`, "x", "ffffffff81000000 t f\n", "BUG: x\n", "<4>[1.0] m: y\n", "", "\x7fELF")
	real := foreign.Parts(f, "../../test/cli/testdata/recording/demo-1.kmlab")
	f.Add(real["run.json"], real["records"], real["kallsyms"], real["console"], real["kernel.log"], real["takings"], "")
	for _, w := range witnesses() {
		f.Add(`{"booted":true,"inputs":{"Finished":true},"studied":["m"],"witness":`+w+`}`, "", "", "", "", "", "\x7fELF")
	}
	f.Fuzz(func(t *testing.T, run, records, kallsyms, console, log, takings, module string) {
		name := filepath.Join(dir, "run.kmlab")
		file := foreign.Recording(t, "run.json", run, "records", records, "kallsyms", kallsyms, "console", console,
			"kernel.log", log, "takings", takings, "modules/m.ko", module)
		if err := os.WriteFile(name, file, 0o600); err != nil {
			t.Fatal(err)
		}
		res, rec, err := readRun(name)
		if err != nil {
			return
		}
		for _, format := range formats {
			if format.write == nil {
				_, err = rec.WriteTo(io.Discard)
			} else {
				err = format.write(io.Discard, res)
			}
			if err != nil {
				t.Errorf("%s: %v", format.ending, err)
			}
		}
	})
}
