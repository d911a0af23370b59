// SPDX-License-Identifier: MIT

package cli

import (
	"fmt"

	"github.com/spf13/pflag"

	"github.com/kmodlab/kmodlab"
	"github.com/kmodlab/kmodlab/internal/failable"
)

// failValue is the flag of a call that is to fail.
type failValue struct{ fail **kmodlab.Fail }

var _ pflag.Value = failValue{}

func (v failValue) Type() string { return "CALL[#N][@MODULE]" }

func (v failValue) String() string {
	f := *v.fail
	switch {
	case f == nil:
		return ""
	case f.Module == "":
		return fmt.Sprintf("%s#%d", f.Call, f.Nth)
	}
	return fmt.Sprintf("%s#%d@%s", f.Call, f.Nth, f.Module)
}

func (v failValue) Set(s string) error {
	w, err := failable.ParseWant(s)
	if err != nil {
		return err
	}
	*v.fail = &kmodlab.Fail{Module: w.Module, Call: w.Call, Nth: w.Nth}
	return nil
}

// targetValue is the flag of a task that is to end.
type targetValue struct{ target **kmodlab.Target }

var _ pflag.Value = targetValue{}

func (v targetValue) Type() string { return "NAME[#N][@MODULE]" }

func (v targetValue) String() string {
	t := *v.target
	if t == nil {
		return ""
	}
	return failable.Target{Name: t.Name, Nth: t.Nth, Module: t.Module}.String()
}

func (v targetValue) Set(s string) error {
	t, err := failable.ParseTarget(s)
	if err != nil {
		return err
	}
	*v.target = &kmodlab.Target{Name: t.Name, Nth: t.Nth, Module: t.Module}
	return nil
}
