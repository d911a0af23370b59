// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/snapshot"
)

func newCache() *cobra.Command {
	c := &cobra.Command{
		Use:   "cache",
		Short: "list or remove the snapshots that spare later runs the boot",
		Long: fmt.Sprintf(`Without KVM the first run with a kernel takes a snapshot of its VM after the boot, and
later runs resume from it (--cold boots instead). At most %d snapshots and %d GiB are
kept: those that were used last.`, snapshot.MaxImages, snapshot.MaxBytes>>30),
		Example: "  kmodlab cache\n  kmodlab cache prune",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return listMachines(c) },
	}
	c.AddCommand(&cobra.Command{
		Use:   "prune",
		Short: "remove all snapshots, and the unfinished ones that killed runs left behind",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return pruneMachines(c) },
	})
	return c
}

func machineStore() (snapshot.Store, error) {
	dir, err := kmodlab.DefaultCacheDir()
	return snapshot.Store{Dir: filepath.Join(dir, prepare.MachineDir)}, err
}

func listMachines(c *cobra.Command) error {
	store, err := machineStore()
	if err != nil {
		return err
	}
	images, err := store.Images()
	if err != nil {
		return err
	}
	out := c.OutOrStdout()
	if len(images) == 0 {
		fmt.Fprintln(out, "there is no snapshot")
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SNAPSHOT\tON DISK\tLAST USED")
	for _, i := range slices.Backward(images) {
		fmt.Fprintf(w, "%s\t%d MiB\t%s\n", i.Key[:min(12, len(i.Key))], i.Bytes>>20, i.LastUse.Format(time.DateTime))
	}
	return w.Flush()
}

func pruneMachines(c *cobra.Command) error {
	store, err := machineStore()
	if err != nil {
		return err
	}
	gone, err := store.Prune(0, 0)
	var bytes int64
	for _, i := range gone {
		bytes += i.Bytes
	}
	fmt.Fprintf(c.OutOrStdout(), "removed %d snapshots, %d MiB\n", len(gone), bytes>>20)
	return err
}
