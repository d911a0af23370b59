// SPDX-License-Identifier: MIT

package kmod

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// Config is what the files of modprobe.d say. Module names are in underscore form.
type Config struct {
	Aliases   []Alias
	Options   map[string]string // parameters of a module, lines joined by spaces
	Blacklist map[string]bool
	Softdeps  map[string]Softdep
}

// Alias maps names that match Pattern to a module.
type Alias struct{ Pattern, Module string }

// configDirs in order of precedence: a file hides one of the same name further on.
var configDirs = [...]string{"etc/modprobe.d", "run/modprobe.d", "usr/local/lib/modprobe.d", "usr/lib/modprobe.d", "lib/modprobe.d"}

// Config reads the configuration below the tree's root, once.
func (t *Tree) Config() (*Config, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.config != nil {
		return t.config, nil
	}
	paths, err := configFiles(t.root())
	if err != nil {
		return nil, err
	}
	cfg := &Config{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) { // removed since, or a dangling link
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read module configuration: %w", err)
		}
		cfg.parse(string(data))
	}
	t.config = cfg
	return cfg, nil
}

// configFiles lists *.conf, sorted by name over all folders.
func configFiles(root string) ([]string, error) {
	byName := map[string]string{}
	for _, dir := range configDirs {
		dir = filepath.Join(root, dir)
		entries, err := os.ReadDir(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read module configuration: %w", err)
		}
		for _, e := range entries {
			if name := e.Name(); byName[name] == "" && strings.HasSuffix(name, ".conf") && name[0] != '.' {
				byName[name] = filepath.Join(dir, name)
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

// parse adds one file. Lines that it does not know are passed over, install and
// remove among them: running a shell for a module is not this package's to do.
func (c *Config) parse(text string) {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\\\n", " ")
	for line := range strings.Lines(text) {
		w := strings.Fields(line)
		if len(w) < 2 || w[0][0] == '#' {
			continue
		}
		name := strings.ReplaceAll(w[1], "-", "_")
		switch {
		case w[0] == "blacklist":
			if c.Blacklist == nil {
				c.Blacklist = map[string]bool{}
			}
			c.Blacklist[name] = true
		case w[0] == "alias" && len(w) > 2:
			c.Aliases = append(c.Aliases, Alias{w[1], strings.ReplaceAll(w[2], "-", "_")})
		case w[0] == "options" && len(w) > 2:
			if c.Options == nil {
				c.Options = map[string]string{}
			}
			c.Options[name] = strings.TrimSpace(c.Options[name] + " " + strings.Join(w[2:], " "))
		case w[0] == "softdep" && len(w) > 2:
			if c.Softdeps == nil {
				c.Softdeps = map[string]Softdep{}
			}
			have, more := c.Softdeps[name], parseSoftdep(strings.Join(w[2:], " "))
			c.Softdeps[name] = Softdep{slices.Concat(have.Pre, more.Pre), slices.Concat(have.Post, more.Post)}
		}
	}
}

// configAlias resolves a name by the configuration's aliases. "alias NAME off"
// resolves to nothing and goes on to the index, as with kmod.
func (t *Tree) configAlias(name string) ([]TreeModule, error) {
	cfg, err := t.Config()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, a := range cfg.Aliases {
		if matchAlias(a.Pattern, name) {
			names = append(names, a.Module)
		}
	}
	return t.modules(names)
}
