// SPDX-License-Identifier: MIT

package snapshot

import (
	"context"
	"errors"

	"github.com/kmodlab/kmodlab/internal/boot"
)

// ErrUnready is for whoever boots a machine to be saved: it did not get there, and
// one that is not to be saved would not either.
var ErrUnready = errors.New("the machine did not get ready to be saved")

// Find is Open without what cannot be used: a damaged image is removed, and there is
// none.
func (s Store) Find(key string, facts any) (*boot.Image, error) {
	image, err := s.Open(key, facts)
	if errors.Is(err, ErrDamaged) {
		s.Remove(key)
		err = ErrNone
	}
	return image, err
}

// Make makes an image of a machine with that much memory, in bytes, and gives it as
// Find would; memory and facts are as for Draft and Publish, and boot, which fills in
// facts, is as for Save. That it fails is held against it for a while (ErrRefused),
// but for ErrUnready and the end of ctx. Then old images go, to stay within bounds.
func (s Store) Make(ctx context.Context, key string, memory int64, facts any, boot func(*Draft) (*boot.Image, error)) (*boot.Image, error) {
	draft, err := s.Draft(key, memory)
	if err != nil {
		return nil, err
	}
	defer draft.Discard()
	image, err := boot(draft)
	if err != nil {
		if ctx.Err() == nil && !errors.Is(err, ErrUnready) {
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
