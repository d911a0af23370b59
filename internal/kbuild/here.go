// SPDX-License-Identifier: MIT

package kbuild

import (
	"context"
	"os/exec"
)

// HereRunner runs the commands directly, as this user, with this machine's tools. It protects nothing: it is for a
// machine that is itself the lab.
type HereRunner struct{}

// Name returns Here.
func (HereRunner) Name() Where { return Here }

// Run implements Runner.
func (HereRunner) Run(ctx context.Context, job Job) ([]Step, error) {
	return runLocal(ctx, job, func(c Command) (*exec.Cmd, error) {
		path, err := exec.LookPath(c.Argv[0])
		if err != nil {
			return nil, &Error{Kind: ErrNoTools, Cause: err, Message: c.Argv[0] + " is not installed",
				Hint: "install the compiler: apt-get install build-essential"}
		}
		cmd := exec.Command(path, c.Argv[1:]...)
		cmd.Args[0] = c.Argv[0]
		cmd.Dir, cmd.Env = job.Dir(), job.Env()
		return cmd, nil
	})
}
