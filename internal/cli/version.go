// SPDX-License-Identifier: MIT

package cli

import (
	"cmp"
	"fmt"
	"runtime"

	"github.com/kmodlab/kmodlab/internal/recording"
	"github.com/kmodlab/kmodlab/internal/version"
	"github.com/kmodlab/kmodlab/internal/wire"
	"github.com/kmodlab/kmodlab/result"
	"github.com/kmodlab/kmodlab/tracer/bpf"
)

// versionText says which program this is, and what it brings along.
func versionText() string {
	return fmt.Sprintf(`kmodlab %s, commit %s, %s, %s/%s
brings along: eBPF programs %s; modules/signals (the demo), modules/probe (the self-test)
speaks: messages to guests version %d, recordings up to version %d, results %s
`, version.Version(), cmp.Or(version.Commit(), "unknown"), runtime.Version(), runtime.GOOS, runtime.GOARCH,
		bpf.Sum(), wire.Version, recording.Version, result.Schema)
}
