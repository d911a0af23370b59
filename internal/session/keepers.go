// SPDX-License-Identifier: MIT

package session

import (
	"context"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/wire"
)

// Bounds of what the guest may say of the keepers of modules.
const (
	mostKeepers = 64
	maxKept     = 4096 // bytes of a path
)

// noteKeepers notes who holds the modules whose unload was refused. A kernel that cannot tell is no error.
func (s *session) noteKeepers(ctx context.Context) error {
	if s.failed(evidence.Unload) == nil || s.Log.HasCrashed() {
		return nil
	}
	loaded, err := s.listModules(ctx)
	if err != nil {
		return s.Failed("list modules", err)
	}
	for _, m := range loaded {
		if !s.studies(m.Name) || m.Refcount <= 0 || len(m.Holders) > 0 {
			continue
		}
		if err := s.keepersOf(ctx, m.Name); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) keepersOf(ctx context.Context, module string) error {
	ctx, cancel := s.Deadline(ctx)
	defer cancel()
	var answer wire.HoldersResult
	if err := s.Call(ctx, wire.OpHolders, wire.HoldersArgs{Module: module}, &answer); err != nil {
		return s.Failed("find out who uses "+module, err)
	}
	s.sought = answer.Why == ""
	if !s.sought {
		s.journal.Log("who uses " + module + " is not wholly known: " + cut(answer.Why))
	}
	for _, h := range answer.Holders {
		if len(s.keepers) == mostKeepers {
			break
		}
		s.keepers = append(s.keepers, evidence.Keeper{
			Module: module, PID: h.PID, Comm: cut(h.Comm), Program: cut(h.Program), How: cut(h.How), Path: cut(h.Path),
			FD: h.FD, File: h.File,
		})
	}
	return nil
}

func cut(s string) string { return s[:min(len(s), maxKept)] }
