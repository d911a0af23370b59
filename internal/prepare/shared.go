// SPDX-License-Identifier: MIT

package prepare

import (
	"context"
	"path/filepath"
	"sync"

	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/tracer/symbols"
)

// Shared is what the runs of one pool need not find out, read or build twice, which is
// most of what a run costs on the host. A single run has one of its own. The zero value
// is ready to use.
type Shared struct {
	Symbols Memo[*symbols.Kernel] // by the file in which they are kept
	Saving  sync.Mutex            // held by the run that takes the snapshot which the others restore

	trees   Memo[*kmod.Tree]
	probes  Memo[*kbuild.Build]
	helpers Memo[*kbuild.Build] // that make calls fail
	sandbox Memo[error]         // what is wrong with it, or nil
	advised sync.Once           // a person was told what the sandbox does not bound
}

// Memo makes each value once, for the first caller that asks for it. After a failure the
// next caller tries again. The zero value is empty.
type Memo[V any] struct {
	mu    sync.Mutex
	known map[string]*remembered[V]
}

type remembered[V any] struct {
	mu    sync.Mutex
	there bool
	value V
}

// Get returns the value of a key, and calls make if there is none yet.
func (m *Memo[V]) Get(key string, make func() (V, error)) (V, error) {
	e := m.entry(key)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.there {
		return e.value, nil
	}
	value, err := make()
	if err == nil {
		e.value, e.there = value, true
	}
	return value, err
}

func (m *Memo[V]) entry(key string) *remembered[V] {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil {
		m.known = make(map[string]*remembered[V])
	}
	e := m.known[key]
	if e == nil {
		e = new(remembered[V])
		m.known[key] = e
	}
	return e
}

// tree returns the kernel's module tree, which remembers what was read of it.
func (s *Shared) tree(k *kernel.Kernel) *kmod.Tree {
	tree, _ := s.trees.Get(filepath.Join(k.Root, k.Release), func() (*kmod.Tree, error) {
		return &kmod.Tree{Root: k.Root, Release: k.Release}, nil
	})
	return tree
}

// checkSandbox is kbuild.CheckSandbox.
func (s *Shared) checkSandbox(ctx context.Context) error {
	wrong, err := s.sandbox.Get("", func() (error, error) {
		wrong := kbuild.CheckSandbox(ctx)
		return wrong, context.Cause(ctx)
	})
	if err != nil {
		return err
	}
	return wrong
}
