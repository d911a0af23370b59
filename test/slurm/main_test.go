// SPDX-License-Identifier: MIT

package slurm

import (
	"testing"

	"github.com/kmodlab/kmodlab/internal/testlab"
)

func TestMain(m *testing.M) { testlab.Main(m) }
