// SPDX-License-Identifier: MIT

//go:build kmodlabtest_agent

package kmodlabtest

// The go command builds the agent from the module under test, so that must know what the program needs: go mod tidy
// and go mod vendor also look at files with build tags.
import _ "github.com/kmodlab/kmodlab/cmd/kmodlab-agent"
