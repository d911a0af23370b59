// SPDX-License-Identifier: MIT

package vm

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Start starts a machine. ctx is the machine's lifetime, as in exec.CommandContext: when it ends, QEMU is killed. On
// TCG, Start returns when QEMU runs (0.1 s); on KVM it also waits for a sign of life from the guest.
//
// With Auto, KVM is used if it is proven or may work. A guest that stays silent on it is killed and started again on
// TCG, which Config.Log reports, and the finding is kept in StateDir for the next Start.
func Start(ctx context.Context, cfg Config) (*Machine, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("start machine: %w", err)
	}
	switch cfg.Accel {
	case TCG:
		return launch(ctx, cfg, TCG, "requested", nil)
	case KVM:
		if err := cfg.probe(); err != nil {
			return nil, fmt.Errorf("start machine: %w: %w", errKVM, err)
		}
		m, err := startKVM(ctx, cfg, "requested")
		if _, silent := errors.AsType[*qemuError](err); silent {
			return nil, fmt.Errorf("%w: %w", errKVM, err)
		}
		return m, err
	}
	return startAuto(ctx, cfg)
}

// unusable begins the reason of a machine that runs on TCG but should run on KVM.
const unusable = "KVM does not work here: "

// WhyTCG is the reason that Start gives to a machine on TCG for this finding, which is Absent or Unusable.
func (f Finding) WhyTCG() string {
	if f.State == Unusable {
		return unusable + f.Reason
	}
	return f.Reason
}

// startAuto goes by what is known about KVM, and learns.
func startAuto(ctx context.Context, cfg Config) (*Machine, error) {
	store := openFindings(cfg.StateDir, cfg.QEMU)
	known := store.state(cfg.probe, time.Now())
	switch known.State {
	case Absent, Unusable:
		return launch(ctx, cfg, TCG, known.WhyTCG(), nil)
	}
	m, err := startKVM(ctx, cfg, "KVM works here")
	if err == nil {
		if known.State != Proven {
			store.record(cfg.Log, Finding{State: Proven, Reason: "a guest ran"})
		}
		return m, nil
	}
	failure, silent := errors.AsType[*qemuError](err)
	if !silent {
		return nil, err
	}
	reason := firstLine(failure.Error())
	cfg.Log("KVM does not work here (" + reason + "), using TCG")
	// A guest that is silent on TCG too says nothing about KVM: the finding is recorded only at its first sign of life.
	return launch(ctx, cfg, TCG, unusable+reason, func(*Machine) {
		store.record(cfg.Log, Finding{State: Unusable, Reason: reason})
	})
}

// startKVM starts on KVM and waits for a sign of life. A qemuError means that KVM, or QEMU with it, is to blame.
func startKVM(ctx context.Context, cfg Config, why string) (*Machine, error) {
	m, err := launch(ctx, cfg, KVM, why, nil)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(cfg.lifeDeadline)
	defer timer.Stop()
	var failure error
	select {
	case <-m.alive:
		return m, nil
	case <-m.Done():
		// Its last bytes were read before Done.
		select {
		case <-m.alive:
			return m, nil
		default:
		}
		if ctx.Err() == nil {
			failure = errors.Join(m.exit.Err(), errors.New("the guest ended without a sign of life"))
		}
	case <-timer.C:
		if stalled := m.Stalled(); stalled != nil { // nor is that KVM's fault
			m.Stop(0)
			return nil, fmt.Errorf("start machine: %w", stalled)
		}
		failure = fmt.Errorf("no sign of life from the guest in %s", cfg.lifeDeadline)
	case <-ctx.Done():
	}
	m.Stop(0)
	if err := context.Cause(ctx); err != nil {
		return nil, fmt.Errorf("start machine: %w", err)
	}
	return nil, fmt.Errorf("start machine: %w", &qemuError{failure})
}

// firstLine keeps a reason to one line: QEMU prints register dumps.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimSpace(line)
}
