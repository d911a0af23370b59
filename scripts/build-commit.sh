#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# build-commit.sh COMMIT PROGRAM - build another commit's kmodlab, for a comparison
set -euo pipefail
cd "$(dirname "$0")/.."
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
git archive "$1" | tar -x -C "$tree"
program=$PWD/$2
cd "$tree"
stamp="-X github.com/kmodlab/kmodlab/internal/version.commit=$1"
CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "-s -w $stamp" -o "$program" ./cmd/kmodlab
