// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/report"
)

// placeholder is replaced by a folder's name in the name of a file.
const placeholder = "{}"

// joint are the formats that hold several runs in one file.
var joint = map[string]func(io.Writer, []report.Named) error{
	".json": report.JSONAll, ".junit.xml": report.JUnitAll, ".xml": report.JUnitAll, ".ktap": report.KTAPAll,
}

// manyOutputs are the files of several runs: some per run, some for all.
type manyOutputs struct {
	each []outputs // by run
	all  outputs
}

// forMany checks the files and separates those per run from those for all runs.
func (o *outputs) forMany(names []string) (manyOutputs, error) {
	m := manyOutputs{each: make([]outputs, len(names))}
	var every outputs // to find a file that two runs would share
	for _, name := range o.files {
		if !strings.Contains(name, placeholder) {
			if f := formatOf(name); f != nil && joint[f.ending] == nil {
				return m, usageText(
					"-o %s: a file of this kind holds one run: put {} where the folder's name goes, as in -o '{}%s'",
					name, f.ending)
			}
			m.all.files = append(m.all.files, name)
			continue
		}
		for i, n := range fileNames(names) {
			m.each[i].files = append(m.each[i].files, m.each[i].named(name, n))
		}
	}
	switch {
	case !strings.Contains(o.json, placeholder):
		m.all.json = o.json
	default:
		for i, n := range fileNames(names) {
			m.each[i].json = m.each[i].named(o.json, n)
		}
	}
	every.files = slices.Clone(m.all.files)
	for _, e := range m.each {
		every.files = append(every.files, e.files...)
		for name := range e.ours {
			every.own(name)
		}
		if err := e.check(); err != nil {
			return m, err
		}
	}
	return m, errors.Join(every.check(), m.all.check())
}

// fileNames turns the runs' names into unique parts of file names.
func fileNames(names []string) []string {
	seen := make(map[string]bool)
	var list []string
	for _, n := range names {
		plain := strings.TrimLeft(strings.ReplaceAll(n, "/", "-"), "-.")
		n = plain
		for i := 2; seen[n]; i++ {
			n = fmt.Sprintf("%s-%d", plain, i)
		}
		seen[n] = true
		list = append(list, n)
	}
	return list
}

// fill puts a folder's name where the placeholder is.
func (o *outputs) fill(name string) {
	for i := range o.files {
		o.files[i] = o.named(o.files[i], name)
	}
	o.json = o.named(o.json, name)
}

func (m *manyOutputs) recording() bool { return len(m.each) > 0 && m.each[0].recording() }

// needAll reports whether results must be kept until all runs have ended.
func (m *manyOutputs) needAll() bool { return m.all.json != "" || len(m.all.files) > 0 }

func (m *manyOutputs) writeOne(ctx context.Context, i int, run report.Named, rec *kmodlab.Recording) error {
	return m.each[i].write(ctx, io.Discard, run.Result, rec)
}

// writeAll writes the files of all runs.
func (m *manyOutputs) writeAll(ctx context.Context, out io.Writer, runs []report.Named) error {
	var failed []error
	switch {
	case m.all.json == "-":
		failed = append(failed, report.JSONAll(out, runs))
	case m.all.json != "":
		failed = append(failed, writeFile(ctx, m.all.json, func(w io.Writer) error { return report.JSONAll(w, runs) }))
	}
	for _, name := range m.all.files {
		write := joint[formatOf(name).ending]
		failed = append(failed, writeFile(ctx, name, func(w io.Writer) error { return write(w, runs) }))
	}
	return errors.Join(failed...)
}
