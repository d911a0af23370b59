// SPDX-License-Identifier: MIT

package kmodlab

import (
	"context"
	"path/filepath"
	"sync"

	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/kernel"
	"github.com/kmodlab/kmodlab/kmod"
	"github.com/kmodlab/kmodlab/tracer/symbols"
)

// shared is what the runs of one pool need not find out, read or make twice: on the
// host that is most of what a run costs. A run by itself has one of its own.
type shared struct {
	turns   *turns     // nil where nobody else wants to work
	saving  sync.Mutex // held by who makes a machine that the others are to go on from
	trees   memo[*kmod.Tree]
	symbols memo[*symbols.Kernel]
	probes  memo[*kbuild.Build]
	sandbox memo[error] // what is wrong with it, or nil
}

// kept are the shared things of a run's pool.
func (r *run) kept() *shared {
	if r.shared == nil {
		r.shared = new(shared)
	}
	return r.shared
}

// memo makes each value once, whoever comes first. What failed is tried again by
// whoever comes next. Its zero value is empty.
type memo[V any] struct {
	mu    sync.Mutex
	known map[string]*remembered[V]
}

type remembered[V any] struct {
	mu    sync.Mutex
	there bool
	value V
}

func (m *memo[V]) get(key string, make func() (V, error)) (V, error) {
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

func (m *memo[V]) entry(key string) *remembered[V] {
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

// tree is the kernel's module tree, with what was read of it.
func (s *shared) tree(k *kernel.Kernel) *kmod.Tree {
	tree, _ := s.trees.get(filepath.Join(k.Root, k.Release), func() (*kmod.Tree, error) {
		return &kmod.Tree{Root: k.Root, Release: k.Release}, nil
	})
	return tree
}

// checkSandbox is kbuild.CheckSandbox.
func (s *shared) checkSandbox(ctx context.Context) error {
	wrong, err := s.sandbox.get("", func() (error, error) {
		wrong := kbuild.CheckSandbox(ctx)
		return wrong, context.Cause(ctx)
	})
	if err != nil {
		return err
	}
	return wrong
}
