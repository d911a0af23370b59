// SPDX-License-Identifier: MIT

package cli

import (
	"reflect"
	"strings"
	"testing"

	"github.com/kmodlab/kmodlab"
)

// TestFlagOf: every name in the table is a field of a Spec or a TraceSpec, and every flag is one of run or trace.
func TestFlagOf(t *testing.T) {
	run, trace := newRun(), newTrace()
	for field, flag := range flagOf {
		found := false
		for _, spec := range []reflect.Type{reflect.TypeFor[kmodlab.Spec](), reflect.TypeFor[kmodlab.TraceSpec]()} {
			at, ok := spec, true
			for name := range strings.SplitSeq(field, ".") {
				var f reflect.StructField
				if f, ok = at.FieldByName(name); !ok {
					break
				}
				at = f.Type
			}
			found = found || ok
		}
		if !found {
			t.Errorf("%s is no field of a Spec or a TraceSpec", field)
		}
		name := strings.TrimPrefix(flag, "--")
		if run.Flags().Lookup(name) == nil && trace.Flags().Lookup(name) == nil {
			t.Errorf("%s is no flag of run or trace", flag)
		}
	}
}

func TestUsageLine(t *testing.T) {
	for want, err := range map[string]*kmodlab.UsageError{
		"--here: only root may": {Field: "Here", Text: "only root may"},
		"nothing to run":        {Text: "nothing to run"},
		"no flag sets it":       {Field: "Watch", Text: "no flag sets it"},
	} {
		if got := usageLine(err); got != want {
			t.Errorf("%+v: %q, want %q", err, got, want)
		}
	}
}
