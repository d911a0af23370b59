// SPDX-License-Identifier: MIT

package kmodlabtest

import (
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kmodlab/kmodlab"
)

// Option says more about a lab.
type Option func(*config)

// config is what a lab is to do.
type config struct {
	spec    kmodlab.Spec
	kernels []string // at least one; empty is the machine's own Debian release
	keep    string   // a folder
}

// Kernels are debian:trixie and the like, as in kmodlab.Machine. The lab runs once on each.
func Kernels(names ...string) Option {
	return func(c *config) { c.kernels = append(c.kernels, names...) }
}

// Test runs a program in the guest, after the modules are loaded and before they are unloaded: an executable, a
// script, a C source, or a folder with a Makefile, as in kmodlab.Test. Several run one after the other.
func Test(program string, args ...string) Option {
	return func(c *config) {
		c.spec.Tests = append(c.spec.Tests, kmodlab.Test{Program: program, Args: args})
	}
}

// Load names the modules to load. Their dependencies come along. Without it all modules of the folder are loaded.
func Load(modules ...string) Option {
	return func(c *config) { c.spec.Load = append(c.spec.Load, modules...) }
}

// Params are module parameters, as "module.param=value".
func Params(params ...string) Option {
	return func(c *config) { c.spec.Params = append(c.spec.Params, params...) }
}

// For is how long the modules run between load and unload, after the tests if there are any. Without it that is a
// second, or no time with tests.
func For(d time.Duration) Option {
	return func(c *config) { c.spec.For = d }
}

// Artifacts is a folder that gets the recording, the report and the console of each kernel if the test fails. They
// are in a folder of the test's name. Without it, the flag -artifacts of go test decides.
func Artifacts(dir string) Option {
	return func(c *config) { c.keep = dir }
}

// Spec changes anything else. It comes in its turn among the options.
func Spec(change func(*kmodlab.Spec)) Option {
	return func(c *config) { change(&c.spec) }
}

// kernelsVariable names the kernels of all labs, separated by commas.
const kernelsVariable = "KMODLAB_TEST_KERNELS"

// configure collects the options.
func configure(dir string, options []Option) config {
	c := config{spec: kmodlab.Spec{Dir: dir, Lab: true}}
	for _, o := range options {
		o(&c)
	}
	c.spec.Record = true
	if names := os.Getenv(kernelsVariable); names != "" {
		c.kernels = strings.FieldsFunc(names, func(r rune) bool { return r == ',' || r == ' ' })
	}
	if len(c.kernels) == 0 {
		c.kernels = []string{c.spec.Kernel}
	}
	c.kernels = unique(c.kernels)
	return c
}

func unique(names []string) []string {
	var list []string
	for _, n := range names {
		if !slices.Contains(list, n) {
			list = append(list, n)
		}
	}
	return list
}
