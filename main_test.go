// SPDX-License-Identifier: MIT

package kmodlab_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab"
	"github.com/kmodlab/kmodlab/internal/testlab/needs"
)

// TestMain leaves ExampleRun out, aloud, where no virtual machine can be started: an
// example cannot skip itself, and one that prints what is expected tests nothing.
func TestMain(m *testing.M) {
	flag.Parse()
	if why := needs.NoVM(); why != "" {
		fmt.Fprintln(os.Stderr, "NOT TESTED: ExampleRun:", why)
		skip := "^ExampleRun$"
		if more := flag.Lookup("test.skip").Value.String(); more != "" {
			skip += "|" + more
		}
		flag.Set("test.skip", skip)
	}
	testlab.Main(m)
}

// agent is kmodlab-agent for the example, and reserves the virtual machines.
func agent() string {
	if err := needs.HoldVM("ExampleRun"); err != nil {
		panic(err)
	}
	path, err := testlab.BuildAgent()
	if err != nil {
		panic(err)
	}
	return path
}
