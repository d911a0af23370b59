// SPDX-License-Identifier: MIT

package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kmodlab/kmodlab/internal/leaks"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// traceBase says which part of a plan's settings a snapshot has.
type traceBase struct{ Made, Hashed bool }

// makeBase writes the settings with which all plans begin, before the snapshot. If the
// kernel refuses them, each run meets the refusal again and reports it.
func (l *Lab) makeBase(ctx context.Context) (traceBase, error) {
	ctx, cancel := l.armDeadline(ctx)
	defer cancel()
	plan := &leaks.Plan{Settings: leaks.Base}
	err := l.apply(ctx, plan)
	if isRefusal(err) {
		return traceBase{}, nil
	}
	return traceBase{Made: err == nil, Hashed: plan.Hashed}, err
}

// apply writes the plan's settings. Probes are defined all at once or, if the kernel
// refuses one of them, one by one.
func (l *Lab) apply(ctx context.Context, plan *leaks.Plan) error {
	settings := plan.Settings
	if l.facts != nil && l.facts.Base.Made && len(settings) > 0 {
		if settings = settings[len(leaks.Base):]; l.facts.Base.Hashed {
			plan.Hash()
		}
	}
	for len(settings) > 0 {
		settings = slices.DeleteFunc(slices.Clone(settings), func(s leaks.Setting) bool {
			return s.Raw && plan.Hashed || plan.Void(s)
		})
		if len(settings) == 0 {
			break
		}
		done, err := l.set(ctx, settings)
		if done == len(settings) || err != nil && !isRefusal(err) {
			return err
		}
		switch s := settings[done]; {
		case s.Append:
			err = l.defineEach(ctx, plan, s)
		case s.Path == leaks.HashPtr:
			plan.Hash()
			err = nil
		}
		if err != nil {
			return err
		}
		settings = settings[done+1:]
	}
	return nil
}

// isRefusal distinguishes a refusal of the guest's kernel from a guest that does not answer.
func isRefusal(err error) bool {
	_, is := errors.AsType[*wire.CallError](err)
	return is
}

// set writes settings until the kernel refuses one, and returns how many were written. A
// setting that may be refused is skipped then, unless something depends on its refusal.
func (l *Lab) set(ctx context.Context, list []leaks.Setting) (done int, err error) {
	var args wire.SetArgs
	for _, s := range list {
		may := s.May && !s.Append && s.Path != leaks.HashPtr
		args.Settings = append(args.Settings, wire.SettingArgs{Path: s.Path, Value: s.Value, Append: s.Append, May: may})
	}
	var result wire.SetResult
	if err := l.Call(ctx, wire.OpSet, args, &result); err != nil {
		return 0, fmt.Errorf("write the guest's settings: %w", err)
	}
	if result.Refused == "" {
		return len(list), nil
	}
	if result.Done < 0 || result.Done >= len(list) { // never trust the guest's numbers
		return 0, fmt.Errorf("write the guest's settings: it claims to have written %d of %d", result.Done, len(list))
	}
	refused := &wire.CallError{Op: wire.OpSet, Text: result.Refused}
	return result.Done, fmt.Errorf("write the guest's %s: %w", list[result.Done].Path, refused)
}

func (l *Lab) defineEach(ctx context.Context, plan *leaks.Plan, s leaks.Setting) error {
	for line := range strings.Lines(s.Value) {
		one := s
		one.Value = leaks.Undefine(line) // it may have been defined with the others
		if _, err := l.set(ctx, []leaks.Setting{one}); err != nil && !isRefusal(err) {
			return err
		}
		one.Value = line
		_, err := l.set(ctx, []leaks.Setting{one})
		if isRefusal(err) {
			plan.Refused(line)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}
