// SPDX-License-Identifier: MIT

package session

import (
	"context"

	"github.com/kmodlab/kmodlab/internal/witness"
)

// witness compares what the guest says of itself with what is seen of it from outside. A kernel that has reported a
// crash is not looked at: its report is the verdict.
func (s *session) witness(ctx context.Context) error {
	if s.Log.HasCrashed() {
		return nil
	}
	var err error
	s.seen, err = s.LookLast(ctx, func(ctx context.Context) (witness.Account, error) {
		list, err := s.listModules(ctx)
		if err != nil {
			return witness.Account{}, s.Failed("list modules", err)
		}
		guest := witness.Account{Taint: s.taint.After}
		for _, m := range list {
			guest.Modules = append(guest.Modules, m.Name)
		}
		return guest, nil
	})
	return err
}
