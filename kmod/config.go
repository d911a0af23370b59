// SPDX-License-Identifier: MIT

package kmod

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Config is what the files of modprobe.d and the kernel's command line say, each list in
// the order of reading. Names and patterns are in underscore form.
type Config struct {
	Aliases   []Alias
	Options   []Rule   // parameters of the module Name; several for one are joined
	Blacklist []string // modules that are not loaded through an alias
	Softdeps  []Rule   // Text as written: pre: a b post: c
	Weakdeps  []Rule   // modules that Name may use; never loaded (kmod 33)
	Install   []Rule   // shell commands to run instead of loading
	Remove    []Rule   // and instead of unloading
	// Forbidden are patterns of modules that are never loaded, not even by their own
	// name or as a dependency. kmod has no such line.
	Forbidden []string
	// Problems are the lines that were skipped or do not mean what they seem to; each
	// is a *ConfigError.
	Problems []error
}

// Alias maps names that match Pattern to a module.
type Alias struct{ Pattern, Module string }

// Rule is a line about one module. Name is a pattern in Softdeps, Weakdeps,
// Install and Remove.
type Rule struct{ Name, Text string }

// ConfigError is a line of modprobe.d that does not do what its writer intended.
type ConfigError struct {
	Path string
	Line int // from 1; 0 for the file as a whole
	Text string
}

// Error names the file, the line and what is wrong with it.
func (e *ConfigError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %s", e.Path, e.Text)
	}
	return fmt.Sprintf("%s line %d: %s", e.Path, e.Line, e.Text)
}

// configDirs are in order of precedence: a file hides later ones of the same name.
var configDirs = [...]string{
	"etc/modprobe.d", "run/modprobe.d", "usr/local/lib/modprobe.d", "usr/lib/modprobe.d", "lib/modprobe.d",
}

// Config reads the configuration from ConfigPaths, or from below the tree's root, and
// from KernelCmdline. It is read once, and the caller must not change it. Bad lines are
// no error but Problems of the result.
func (t *Tree) Config() (*Config, error) {
	if t == nil {
		return nil, fmt.Errorf("read module configuration: %w", errNoTree)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.config != nil {
		return t.config, nil
	}
	sources := t.ConfigPaths
	if sources == nil {
		for _, dir := range configDirs {
			sources = append(sources, filepath.Join(t.root(), dir))
		}
	}
	cfg := &Config{}
	paths, err := cfg.files(sources)
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		data, err := slurp(path)
		if errors.Is(err, fs.ErrNotExist) { // removed meanwhile, or a dangling link
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read module configuration: %w", err)
		}
		cfg.parse(path, string(data))
	}
	cfg.parseCmdline(t.KernelCmdline)
	t.config = cfg
	return cfg, nil
}

// files lists the *.conf of folders, and files that were named themselves, all sorted by
// name, as kmod reads them.
func (c *Config) files(sources []string) ([]string, error) {
	byName := map[string]string{}
	add := func(name, path string) {
		if byName[name] == "" {
			byName[name] = path
		}
	}
	for _, source := range sources {
		st, err := os.Stat(source)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read module configuration: %w", err)
		}
		if !st.IsDir() {
			add(filepath.Base(source), source)
			continue
		}
		entries, err := os.ReadDir(source)
		if err != nil {
			return nil, fmt.Errorf("read module configuration: %w", err)
		}
		for _, e := range entries {
			if c.isConfig(source, e) {
				add(e.Name(), filepath.Join(source, e.Name()))
			}
		}
	}
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	sort.Strings(names)
	for i, name := range names {
		names[i] = byName[name]
	}
	return names, nil
}

func (c *Config) isConfig(dir string, e fs.DirEntry) bool {
	name := e.Name()
	if name[0] == '.' || !strings.HasSuffix(name, ".conf") {
		return false
	}
	if e.IsDir() {
		c.Problems = append(c.Problems, &ConfigError{filepath.Join(dir, name), 0, "it is a directory and is not read"})
		return false
	}
	return true
}

// params joins a module's parameters. Lines for an alias count if it was asked for by that.
func (c *Config) params(m TreeModule) string {
	var all []string
	for _, r := range c.Options {
		if r.Name == m.Name || m.alias != "" && r.Name == m.alias {
			all = append(all, r.Text)
		}
	}
	return strings.Join(all, " ")
}

// blacklisted compares names, not patterns.
func (c *Config) blacklisted(name string) bool {
	for _, b := range c.Blacklist {
		if b == name {
			return true
		}
	}
	return false
}

func (c *Config) forbidden(name string) bool {
	for _, pattern := range c.Forbidden {
		if glob(pattern, name) {
			return true
		}
	}
	return false
}

// ruleFor is the first rule whose pattern matches, "" for none.
func ruleFor(rules []Rule, name string) string {
	for _, r := range rules {
		if glob(r.Name, name) {
			return r.Text
		}
	}
	return ""
}

// softdeps are the lines for a module, in order.
func (c *Config) softdeps(name string) []Softdep { return depsOf(c.Softdeps, name) }

func depsOf(rules []Rule, name string) []Softdep {
	var all []Softdep
	for _, r := range rules {
		if glob(r.Name, name) {
			all = append(all, ParseSoftdep(r.Text))
		}
	}
	return all
}
