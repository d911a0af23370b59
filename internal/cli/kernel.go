// SPDX-License-Identifier: MIT

package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/boot"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/private"
)

func newKernel() *cobra.Command {
	c := &cobra.Command{
		Use:   "kernel",
		Short: "list, fetch and remove kernels",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return &kmodlab.UsageError{Text: "no command given: use kmodlab kernel list, fetch NAME or rm NAME"}
		},
	}
	c.AddCommand(newKernelList(), newKernelFetch(), newKernelRemove())
	return c
}

// store opens the kernel cache, which is checked or made.
func store(own func(dir string) error, mirror string, progress func(kernel.Progress)) (*kernel.Store, error) {
	dir, err := cacheDir(own)
	if err != nil {
		return nil, err
	}
	if mirror == "" {
		mirror = os.Getenv("KMODLAB_MIRROR")
	}
	return boot.Kernels(dir, mirror, progress), nil
}

func newKernelList() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "list the kernels in the cache, and the names that can be fetched",
		Args:  cobra.NoArgs,
		RunE: brief(func(c *cobra.Command, _ []string) error {
			s, err := store(private.Check, "", nil)
			if err != nil {
				return err
			}
			kernels, err := s.List()
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
			if err := listKernels(w, s, kernels); err != nil {
				return err
			}
			if len(kernels) == 0 {
				fmt.Fprintln(c.OutOrStdout(), "the cache holds no kernel yet; `kmodlab run` fetches the one it needs")
			}
			fmt.Fprintln(c.OutOrStdout(), "\nNames:")
			for _, f := range kernel.Forms() {
				fmt.Fprintf(w, "  %s\t%s\n", f.Pattern, f.Text)
			}
			return w.Flush()
		}),
	}
}

func listKernels(w *tabwriter.Writer, s *kernel.Store, kernels []kernel.Kernel) error {
	if len(kernels) == 0 {
		return nil
	}
	fmt.Fprintln(w, "KERNEL\tRELEASE\tPACKAGE\tON DISK")
	for i := range kernels {
		k := &kernels[i]
		size, err := s.Size(k)
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", plain.Text(k.Name), plain.Text(k.Release), plain.Text(k.Version),
			mebibytes(size))
	}
	return w.Flush()
}

func newKernelFetch() *cobra.Command {
	var mirror string
	c := &cobra.Command{
		Use:     "fetch NAME",
		Short:   "fetch a kernel and the toolchain that builds its modules",
		Example: "  kmodlab kernel fetch debian:trixie",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := kernel.CheckName(args[0]); err != nil { // before anything is made
				return unknownName(err)
			}
			p := newProgress(c.ErrOrStderr())
			defer p.close()
			s, err := store(private.Make, mirror, func(k kernel.Progress) {
				p.phase(kmodlab.Progress{Phase: "kernel", Detail: k.Text, Done: k.Done, Total: k.Total, Unit: string(k.Unit)})
			})
			if err != nil {
				return err
			}
			k, err := s.Get(c.Context(), args[0])
			p.close()
			if err != nil {
				return unknownName(interrupted(c, err))
			}
			fmt.Fprintf(c.OutOrStdout(), "%s is %s\n", plain.Text(k.Name), plain.Text(k.Release))
			return nil
		},
	}
	c.Flags().StringVar(&mirror, "mirror", "", "Debian mirror (default: $KMODLAB_MIRROR, then this host's apt)")
	return c
}

func newKernelRemove() *cobra.Command {
	return &cobra.Command{
		Use:   "rm NAME",
		Short: "remove a kernel from the cache",
		Args:  cobra.ExactArgs(1),
		RunE: brief(func(_ *cobra.Command, args []string) error {
			s, err := store(private.Check, "", nil)
			if err != nil {
				return err
			}
			if !strings.HasPrefix(args[0], "debian:") {
				return &kmodlab.UsageError{Text: fmt.Sprintf("%s: only debian: names are in the cache (see kmodlab kernel list)",
					args[0])}
			}
			err = s.Remove(args[0])
			if errors.Is(err, fs.ErrNotExist) {
				return &kmodlab.UsageError{Text: err.Error()}
			}
			return unknownName(err)
		}),
	}
}

// unknownName turns a kernel that does not exist into a usage error.
func unknownName(err error) error {
	if errors.Is(err, kernel.ErrUnknownName) {
		return &kmodlab.UsageError{Text: err.Error()}
	}
	return err
}
