// SPDX-License-Identifier: MIT

package cli

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/course"
	"github.com/kmodlab/kmodlab/internal/grading"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/private"
)

// labStart is the flags of lab start.
type labStart struct {
	grading.Options
	level   int
	noHints bool
}

func newLabStart() *cobra.Command {
	o := &labStart{}
	c := &cobra.Command{
		Use:   "start LAB [DIR]",
		Short: "make a fresh folder to work in: the starter, the handout and the checks",
		Long: `Make a folder with what a student starts from: the sources with their TODOs, the handout, the
checks, the right stories, and compile_commands.json, by which clangd finds the kernel's
headers. It needs no root and no kernel tree. What is hidden from students is not in it, and
neither is the solution.

The folder remembers in .kmodlab/ what you got, the help that you ask for (kmodlab lab hint)
and the last check; kmodlab lab submit hands that in.`,
		Example: `  kmodlab lab start thread-life
  kmodlab lab start labs/thread-life work --help-level 2`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error { return o.start(c, args) },
	}
	f := c.Flags()
	f.IntVar(&o.level, "help-level", 0, "how much help the starter has, 1 (least) to 3 (default: the lab's own)")
	f.BoolVar(&o.noHints, "no-hints", false, "leave out the further help that kmodlab lab hint gives")
	kernelFlags(f, &o.Machine, &o.Tools)
	return c
}

func (o *labStart) start(c *cobra.Command, args []string) error {
	lab, err := loadLab(labFolder(args[0]), c.ErrOrStderr())
	if err != nil {
		return err
	}
	dir := lab.Name
	if len(args) > 1 {
		dir = args[1]
	}
	if o.level == 0 {
		o.level = lab.Help
	}
	if o.Machine.Kernel, err = labKernel(lab, o.Machine.Kernel); err != nil {
		return err
	}
	files, err := lab.Hand(o.level)
	if err != nil {
		return usageText("%v", err)
	}
	if err := handOut(dir, files); err != nil {
		return err
	}
	if err := grading.WriteWork(dir, lab, o.level, files, !o.noHints); err != nil {
		return err
	}
	if err := o.commands(c, dir); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "%s is in %s: read README.md, edit %s, type kmodlab lab check %s\n",
		plain.Text(lab.Title), plain.Text(dir), strings.Join(lab.Student(), ", "), plain.Text(dir))
	return nil
}

// handOut writes files into a folder that is new or empty.
func handOut(dir string, files map[string]course.File) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
		return usageText("%s is not empty: name a new folder", dir)
	}
	return grading.WriteFiles(dir, files)
}

// commands leaves compile_commands.json in a fresh folder. The starter has to be built for it. Nothing is fetched: who
// starts a lab without network gets the file with kmodlab build, later.
func (o *labStart) commands(c *cobra.Command, dir string) error {
	later := func(why string) {
		fmt.Fprintf(c.ErrOrStderr(), "kmodlab: no %s for editors yet, for %s; later: kmodlab build %s -o %[3]s/build\n",
			commandsFile, why, plain.Text(dir))
	}
	store, err := store(private.Check, o.Tools.Mirror, nil)
	if err != nil {
		return err
	}
	there, err := store.List()
	if err != nil {
		return err
	}
	if name := o.Machine.Kernel; !slices.ContainsFunc(there, func(k kernel.Kernel) bool { return k.Name == name }) {
		later(fmt.Sprintf("the kernel %s is not in the cache", name))
		return nil
	}
	show := newProgress(c.ErrOrStderr())
	defer show.close()
	show.phase(kmodlab.Progress{Phase: "building the starter, for editors"})
	end, err := kmodlab.BuildModules(c.Context(), kmodlab.BuildSpec{
		Dir: dir, Kernel: o.Machine.Kernel, Accel: o.Machine.Accel, Cold: o.Machine.Cold, Tools: o.Tools,
	})
	if err != nil {
		return err
	}
	show.close()
	if end.Built == nil {
		later(end.Verdict.Message)
		return nil
	}
	var b bytes.Buffer
	if err := writeCommands(&b, end.Built.Commands); err != nil {
		return err
	}
	return grading.WriteBelow(dir, map[string][]byte{commandsFile: b.Bytes()})
}
