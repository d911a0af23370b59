// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/cachedir"
	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/private"
	"github.com/kmodlab/kmodlab/internal/snapshot"
)

func newCache() *cobra.Command {
	all := false
	c := &cobra.Command{
		Use:   "cache",
		Short: "list what spares later runs the boot and the build, or remove the snapshots",
		Long: fmt.Sprintf(`Without KVM the first run with a kernel takes a snapshot of its VM after the boot, and
later runs resume from it (--cold boots instead). At most %d snapshots and %d GiB are
kept: those that were used last. If the cache is on a file system that other hosts may use, all
this is on a disk of this host: in $KMODLAB_HOST_CACHE, or in /var/tmp. Sources that were built
once are not built again for the same kernel. The kernels themselves are listed by
kmodlab kernel list.`, snapshot.MaxImages, snapshot.MaxBytes>>30),
		Example: "  kmodlab cache\n  kmodlab cache prune",
		Args:    cobra.NoArgs,
		RunE:    brief(func(c *cobra.Command, _ []string) error { return listCache(c.OutOrStdout(), all) }),
	}
	c.Flags().BoolVarP(&all, "all", "a", false, fmt.Sprintf("list all builds (default: the last %d)", lastBuilds))
	c.AddCommand(&cobra.Command{
		Use:   "prune",
		Short: "remove all snapshots, and the unfinished ones that killed runs left behind",
		Args:  cobra.NoArgs,
		RunE:  brief(func(c *cobra.Command, _ []string) error { return pruneMachines(c) }),
	})
	return c
}

// cacheDir is the folder of all caches, which has the kernels. own makes sure that nobody else can change it:
// private.Check, or private.Make.
func cacheDir(own func(dir string) error) (string, error) {
	dir, err := kmodlab.DefaultCacheDir()
	if err != nil {
		return "", err
	}
	if err := own(dir); err != nil {
		return "", err
	}
	return dir, nil
}

// workDir is the folder of the cache in which this host works.
func workDir() (string, error) {
	dir, err := kmodlab.DefaultCacheDir()
	if err != nil {
		return "", err
	}
	if dir, err = cachedir.Own(dir); err != nil {
		return "", err
	}
	return dir, private.Check(dir)
}

func machineStore(cache string) snapshot.Store {
	return snapshot.Store{Dir: filepath.Join(cache, prepare.MachineDir)}
}

func listCache(out io.Writer, all bool) error {
	dir, err := workDir()
	if err != nil {
		return err
	}
	images, err := machineStore(dir).Images()
	if err != nil {
		return err
	}
	builds, err := kbuild.List(filepath.Join(dir, prepare.BuildDir))
	if err != nil {
		return err
	}
	if err := listSnapshots(out, images); err != nil {
		return err
	}
	fmt.Fprintln(out)
	return listBuilds(out, builds, all)
}

func listSnapshots(out io.Writer, images []snapshot.Image) error {
	if len(images) == 0 {
		_, err := fmt.Fprintln(out, "there is no snapshot")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SNAPSHOT\tKERNEL\tRELEASE\tFOR\tCPUS\tMEMORY\tON DISK\tLAST USED")
	for _, i := range slices.Backward(images) {
		m := i.About.Machine
		use := "runs"
		if i.About.Builds {
			use = "builds"
		}
		if m.Kernel == "" { // of an older kmodlab
			use = ""
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", plain.Text(i.Key[:min(12, len(i.Key))]), plain.Text(m.Name),
			plain.Text(m.Kernel), use,
			known(m.CPUs, ""), known(m.MemoryMiB, " MiB"), mebibytes(i.Bytes), i.LastUse.Format(time.DateTime))
	}
	return w.Flush()
}

// known prints a number, or nothing where it is not known.
func known(n int, unit string) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n) + unit
}

// mebibytes prints a size so that something small is not nothing.
func mebibytes(n int64) string {
	if n < 10<<20 {
		return fmt.Sprintf("%d KiB", (n+1023)>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

// lastBuilds are listed without --all.
const lastBuilds = 20

func listBuilds(out io.Writer, builds []kbuild.Entry, all bool) error {
	if len(builds) == 0 {
		_, err := fmt.Fprintln(out, "there is no build")
		return err
	}
	var bytes int64
	for _, b := range builds {
		bytes += b.Bytes
	}
	shown := builds
	if !all && len(builds) > lastBuilds {
		shown = builds[len(builds)-lastBuilds:]
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "BUILD\tRELEASE\tMODULES\tON DISK\tBUILT\tSOURCES")
	for _, b := range slices.Backward(shown) {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", plain.Text(b.ID[:min(12, len(b.ID))]), plain.Text(b.Release),
			plain.Text(few(b.Modules)),
			mebibytes(b.Bytes), b.Built.Format(time.DateTime), plain.Text(b.Sources))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if more := len(builds) - len(shown); more > 0 {
		fmt.Fprintf(out, "and %d older builds (--all)\n", more)
	}
	_, err := fmt.Fprintf(out, "%s, %s\n", number(len(builds), "build", "builds"), mebibytes(bytes))
	return err
}

// few names the first of several modules.
func few(names []string) string {
	if len(names) <= 2 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", names[0], len(names)-1)
}

func number(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func pruneMachines(c *cobra.Command) error {
	dir, err := workDir()
	if err != nil {
		return err
	}
	gone, err := machineStore(dir).Prune(0, 0)
	var bytes int64
	for _, i := range gone {
		bytes += i.Bytes
	}
	fmt.Fprintf(c.OutOrStdout(), "removed %s, %d MiB\n", number(len(gone), "snapshot", "snapshots"), bytes>>20)
	return err
}
