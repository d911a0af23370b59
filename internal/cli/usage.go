// SPDX-License-Identifier: MIT

package cli

import "github.com/kmodlab/kmodlab"

// flagOf names the flags that set the fields of kmodlab.Spec and kmodlab.TraceSpec.
var flagOf = map[string]string{
	"Kernel": "--kernel", "Accel": "--accel", "CPUs": "--cpus", "MemoryMiB": "--memory",
	"Cold": "--cold", "Here": "--here", "Build": "--build", "For": "--for", "StepTimeout": "--timeout",
	"BuildTimeout": "--build-timeout", "Load": "--load", "Params": "--params",
	"Mirror": "--mirror", "Expect": "--expect", "Probe": "--probe",
	"Filter.Thread": "--thread", "Filter.Module": "--module", "Filter.From": "--from", "Filter.To": "--to",
	"Filter.Signals": "--signal",
}

// usageLine says what is wrong with a command line: the library names fields, a person typed flags.
func usageLine(err *kmodlab.UsageError) string {
	if flag := flagOf[err.Field]; flag != "" {
		return flag + ": " + err.Text
	}
	return err.Text
}
