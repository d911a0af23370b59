// SPDX-License-Identifier: MIT

package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kmodlab/kmodlab/internal/atomicfile"
	"github.com/kmodlab/kmodlab/internal/beneath"
	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/grade/sheet"
	"github.com/kmodlab/kmodlab/internal/grading"
	"github.com/kmodlab/kmodlab/internal/plain"
)

// filler puts a class's points into a sheet that was exported.
type filler struct {
	path, roster string
	opt          sheet.Options
}

func (f *filler) flags(fs *pflag.FlagSet) {
	fs.StringVar(&f.path, "fill", "", "put the points into a copy of `SHEET`, a CSV that Moodle or Canvas has exported")
	fs.StringVar(&f.opt.Column, "fill-column", "", "the `HEADING` of the column to fill (Moodle: Grade)")
	fs.StringVar(&f.opt.Identifier, "fill-identifier", "",
		"the `HEADING` of Moodle's first column, if it is not in English")
	fs.StringVar(&f.opt.Max, "fill-max", "", "the `HEADING` of Moodle's maxima, if it is not in English")
	fs.StringVar(&f.roster, "fill-roster", "", "a `FILE` with lines SUBMISSION=STUDENT: what the sheet calls somebody")
	fs.BoolVar(&f.opt.Replace, "fill-replace", false, "replace grades that the sheet has already")
}

// maxSheet bounds a sheet and a roster, in bytes.
const maxSheet = 64 << 20

// fill writes the copy beside the class's files, and says what is in it.
func (f *filler) fill(c *cobra.Command, out string, lab *course.Lab, store *grading.Store) error {
	if f.path == "" {
		return nil
	}
	opt, err := f.options()
	if err != nil {
		return err
	}
	data, err := readBounded(f.path)
	if err != nil {
		return err
	}
	all, err := store.Book(lab)
	if err != nil {
		return err
	}
	filled, told, err := sheet.Fill(data, all, opt)
	if err != nil {
		return usageText("%s: %v", plain.Text(f.path), err)
	}
	path := filepath.Join(out, filepath.Base(f.path))
	if same(path, f.path) {
		return usageText("--fill %s: it is in the folder of grades: move it, for the copy has the same name there", f.path)
	}
	if err := atomicfile.Write(path, filled, 0o600); err != nil {
		return fmt.Errorf("write the filled sheet: %w", err)
	}
	fmt.Fprintf(c.OutOrStdout(), "%s:\n", plain.Text(path))
	return told.Write(c.OutOrStdout())
}

func same(a, b string) bool {
	first, err := os.Stat(a)
	second, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(first, second)
}

func (f *filler) options() (sheet.Options, error) {
	opt := f.opt
	if f.roster == "" {
		return opt, nil
	}
	data, err := readBounded(f.roster)
	if err != nil {
		return opt, err
	}
	opt.Roster = make(map[string]string)
	lines := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, student, ok := strings.Cut(line, "=")
		name, student = strings.TrimSpace(name), strings.TrimSpace(student)
		if !ok || name == "" || student == "" {
			return opt, usageText("%s:%d: write SUBMISSION=STUDENT", plain.Text(f.roster), n)
		}
		if _, twice := opt.Roster[name]; twice {
			return opt, usageText("%s:%d: %s is there already", plain.Text(f.roster), n, plain.Text(name))
		}
		opt.Roster[name] = student
	}
	if err := lines.Err(); err != nil {
		return opt, usageText("%s: %v", plain.Text(f.roster), err)
	}
	return opt, nil
}

func readBounded(path string) ([]byte, error) {
	data, err := beneath.ReadIn(filepath.Dir(path), filepath.Base(path), maxSheet)
	if err != nil {
		return nil, usageText("%v", err)
	}
	return data, nil
}
