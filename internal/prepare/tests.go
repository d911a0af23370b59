// SPDX-License-Identifier: MIT

package prepare

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/kmodlab/kmodlab/internal/evidence"
	"github.com/kmodlab/kmodlab/internal/hostfault"
	"github.com/kmodlab/kmodlab/internal/kbuild"
	"github.com/kmodlab/kmodlab/internal/payload"
)

// gather makes the programs ready that run beside the modules. Its error is an *evidence.Failure or ctx's.
func (p *Prepared) gather(ctx context.Context) error {
	if len(p.Options.Tests) == 0 && p.Options.Command == nil {
		return nil
	}
	b := payload.Builder{
		System: p.Kernel.Root, Suite: p.Kernel.Name, Compile: p.compileProgram, CompileTree: p.compileTree,
	}
	for _, w := range p.Options.Tests {
		tests, err := b.AddAll(ctx, w)
		if err != nil {
			return unfit(ctx, err)
		}
		p.Tests = append(p.Tests, tests...)
	}
	if c := p.Options.Command; c != nil {
		t, err := b.Add(ctx, *c)
		if err != nil {
			return unfit(ctx, err)
		}
		p.Command = &t
	}
	for _, dir := range p.Options.Folders {
		b.Folder(dir)
	}
	for _, c := range p.Options.Put {
		if err := b.Copy(ctx, c); err != nil {
			return unfit(ctx, err)
		}
	}
	p.Put = b.Files()
	return nil
}

// compileProgram builds a C source with the kernel's toolchain, where the modules are built.
func (h *Host) compileProgram(ctx context.Context, source string) (string, error) {
	dir, name := filepath.Split(source)
	if dir == "" {
		dir = "."
	}
	build, err := h.make(ctx, kbuild.Request{Sources: filepath.Clean(dir), Program: name})
	if err != nil {
		return "", err
	}
	return build.Program, nil
}

// compileTree builds a folder of tests by its Makefile.
func (h *Host) compileTree(ctx context.Context, dir string) (payload.Tree, error) {
	build, err := h.make(ctx, kbuild.Request{Sources: dir, Program: kbuild.ByMakefile})
	if err != nil {
		return payload.Tree{}, err
	}
	return payload.Tree(*build.Tree), nil
}

// unfit is the failure of a program that cannot run in the guest, unless this machine could not read it.
func unfit(ctx context.Context, err error) error {
	var failure *evidence.Failure
	var wrong *payload.Error
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &failure):
		return failure
	}
	if _, is := hostfault.Of(err); is {
		return evidence.HostFailure(err, "")
	}
	if errors.As(err, &wrong) {
		return &evidence.Failure{Kind: evidence.Program, Message: wrong.Error(), Hint: wrong.Hint}
	}
	return &evidence.Failure{Kind: evidence.Program, Message: fmt.Sprintf("a test cannot run: %v", err)}
}
