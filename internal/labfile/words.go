// SPDX-License-Identifier: MIT

package labfile

import (
	"maps"
	"slices"

	"github.com/kmodlab/kmodlab/internal/words"
)

// Line is a test's program with its arguments, and its environment as NAME=VALUE, sorted.
func (t Test) Line() (program string, args, env []string, err error) {
	line, err := words.Split(t.Run)
	if err == nil {
		err = Below(line[0])
	}
	if err != nil {
		return "", nil, nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(t.Env)) {
		env = append(env, name+"="+t.Env[name])
	}
	return line[0], line[1:], env, nil
}
