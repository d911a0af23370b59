// SPDX-License-Identifier: MIT

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kmodlab/kmodlab/internal/footprint"
	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/internal/plain"
	"github.com/kmodlab/kmodlab/internal/prepare"
	"github.com/kmodlab/kmodlab/internal/private"
	"github.com/kmodlab/kmodlab/internal/vm"
)

func newDoctor() *cobra.Command {
	var mirror string
	mend := false
	check := brief(func(c *cobra.Command, _ []string) error {
		var foreign *private.Error // a finding says so
		s, err := store(private.Check, mirror, nil)
		if err != nil && !errors.As(err, &foreign) {
			return err
		}
		findings := []kernel.Finding{checkCache(), checkAgent(), checkQEMU(), checkKVM(), checkSandbox(c.Context()),
			checkBounds(), checkDevNull(), checkHere(footprint.Here())}
		if foreign == nil {
			findings = append(findings, s.Check(c.Context())...)
		}
		return printFindings(c.OutOrStdout(), findings)
	})
	c := &cobra.Command{
		Use:   "doctor",
		Short: "check what this machine has, what it lacks, and which command fixes that",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, args []string) error {
			if mend {
				return mendHere(c) // which is never abandoned half-way
			}
			return check(c, args)
		},
	}
	c.Flags().StringVar(&mirror, "mirror", "", "Debian mirror to check (default: $KMODLAB_MIRROR, then this host's apt)")
	c.Flags().BoolVar(&mend, "mend", false,
		"undo, as root, what killed runs with --here have left on this machine; do not check anything")
	return c
}

func checkAgent() kernel.Finding {
	path, err := prepare.FindAgent("")
	if err != nil {
		return kernel.Finding{Name: "agent", Detail: prepare.AgentName + " not found",
			Fix: "put " + prepare.AgentName + " beside kmodlab: make build, or go install ./cmd/..."}
	}
	return kernel.Finding{Name: "agent", OK: true, Detail: path}
}

func checkQEMU() kernel.Finding {
	path, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		return kernel.Finding{Name: "QEMU", Detail: "not found", Fix: "apt-get install qemu-system-x86"}
	}
	return kernel.Finding{Name: "QEMU", OK: true, Detail: path}
}

func checkCache() kernel.Finding {
	dir, err := cacheDir(private.Check)
	if err != nil {
		return kernel.Finding{Name: "cache", Detail: err.Error()}
	}
	work, err := workDir()
	if err != nil {
		return kernel.Finding{Name: "cache", Detail: err.Error()}
	}
	detail := dir + ", this user's own"
	if work != dir {
		detail += "; it has the kernels, and all else is in " + work
	}
	return kernel.Finding{Name: "cache", OK: true, Detail: detail}
}

// checkKVM never fails: without KVM everything works, only more slowly.
func checkKVM() kernel.Finding {
	f := kernel.Finding{Name: "KVM", OK: true}
	dir, err := workDir()
	if err != nil {
		dir = "" // said elsewhere
	}
	state := vm.KVMState(dir)
	switch state.State {
	case vm.Proven:
		f.Detail = "proven: " + state.Reason
	case vm.Unusable:
		f.Detail = "present but unusable, so TCG is used: " + state.Reason
	case vm.Unproven:
		f.Detail = "present, not tried yet: the next run will"
	default:
		f.Detail = "absent, so TCG is used: " + state.Reason
	}
	return f
}

func checkSandbox(ctx context.Context) kernel.Finding {
	f := kernel.Finding{Name: "sandbox", OK: true, Detail: "bubblewrap and user namespaces work"}
	if err := kbuild.CheckSandbox(ctx); err != nil {
		f.OK, f.Detail = false, err.Error()
	}
	return f
}

// checkBounds says which bounds hold for a build. Without a common one for memory the sandbox is not for sources that
// nobody trusts.
func checkBounds() kernel.Finding {
	limits := kbuild.Bounds()
	f := kernel.Finding{Name: "bounds", OK: true, Optional: true, Detail: fmt.Sprintf(
		"a build has %d MiB of memory and %d processes in total (%s), and %d MiB of files",
		limits.Memory>>20, limits.Processes, limits.Way, limits.Files>>20)}
	if limits.Why != "" {
		f.OK, f.Detail = false, fmt.Sprintf("a build's memory is limited per process, not in total (%s): "+
			"build untrusted sources with --build vm", limits.Why)
	}
	return f
}

func checkDevNull() kernel.Finding {
	f := kernel.Finding{Name: "/dev/null", OK: true, Detail: "present"}
	st, err := os.Stat(os.DevNull)
	if err != nil || st.Mode()&os.ModeCharDevice == 0 {
		f.OK, f.Detail, f.Fix = false, "missing, or not a device", "mknod -m 666 /dev/null c 1 3"
	}
	return f
}

// printFindings returns exit status 3 when something is missing that every use needs.
func printFindings(out io.Writer, findings []kernel.Finding) error {
	missing := 0
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, f := range findings {
		mark := "ok"
		switch {
		case !f.OK && f.Optional:
			mark = "-"
		case !f.OK:
			mark = "MISSING"
			missing++
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", mark, f.Name, plain.Text(f.Detail))
		if f.Fix != "" {
			fmt.Fprintf(w, "\t\ttype: %s\n", plain.Text(f.Fix))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if missing > 0 {
		return exit(exitHost)
	}
	return nil
}
