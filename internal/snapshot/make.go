// SPDX-License-Identifier: MIT

package snapshot

import (
	"context"
	"errors"

	"github.com/kmodlab/kmodlab/internal/boot"
)

// ErrUnready is returned by the caller's boot: the machine did not become ready, and would
// not have without a snapshot either.
var ErrUnready = errors.New("the machine did not become ready for a snapshot")

// Find is Open, but removes a damaged image and then returns ErrNone.
func (s Store) Find(key string, facts any) (*boot.Image, error) {
	image, err := s.Open(key, facts)
	if errors.Is(err, ErrDamaged) {
		s.Remove(key)
		err = ErrNone
	}
	return image, err
}

// Make makes an image of a machine with that much memory, in bytes, and opens it as Find
// does. machine boots and saves the machine, and fills in facts, which are as for Publish.
// After a failure the store refuses that key for a while (ErrRefused), except after
// ErrUnready, boot.ErrClock or the end of ctx. At the end old images are removed, to stay within bounds.
func (s Store) Make(
	ctx context.Context, key string, memory int64, facts any, machine func(*Draft) (*boot.Image, error),
) (*boot.Image, error) {
	draft, err := s.Draft(key, memory)
	if err != nil {
		return nil, err
	}
	defer draft.Discard()
	image, err := machine(draft)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, ErrUnready) && !errors.Is(err, boot.ErrClock) {
			draft.Refuse(err)
		}
		return nil, err
	}
	if err := draft.Publish(image, facts); err != nil {
		return nil, err
	}
	if _, err := s.Prune(MaxImages, MaxBytes); err != nil && s.Log != nil {
		s.Log(err.Error())
	}
	return s.Open(key, facts)
}
