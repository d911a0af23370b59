// SPDX-License-Identifier: MIT

package course

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

// fresh is a small lab that has everything and verifies as it is. docs/labs.md explains it.
//
//go:embed fresh
var fresh embed.FS

// Fresh is a new lab of a name, to be changed into another one. Its module is called like the lab, with _ for -.
func Fresh(name string) (map[string]File, error) {
	module := strings.ReplaceAll(name, "-", "_")
	if !idRE.MatchString(name) || !moduleRE.MatchString(module) {
		return nil, fmt.Errorf("%q cannot be a lab's name: a-z, 0-9, _ and - can", name)
	}
	own := strings.NewReplacer("first.", module+".", "modules: first", "modules: "+module)
	files := make(map[string]File)
	err := fs.WalkDir(fresh, "fresh", func(at string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fresh.ReadFile(at)
		files[own.Replace(strings.TrimPrefix(at, "fresh/"))] = File{Data: []byte(own.Replace(string(data)))}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("make the lab %s: %w", name, err)
	}
	return files, nil
}
