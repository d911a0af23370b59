#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Makes a container ready to grade a lab. Gradescope runs it once, as root, with a network, when it builds the image
# from the archive, which is then in /autograder/source.
set -eu
cd /autograder/source
# shellcheck source=/dev/null
. ./settings

export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# debian-archive-keyring: an image of Ubuntu does not know Debian's keys.
apt-get install -q -y --no-install-recommends qemu-system-x86 bubblewrap e2fsprogs ca-certificates \
	debian-archive-keyring
install -m 755 kmodlab kmodlab-agent /usr/local/bin

kmodlab kernel fetch "$KERNEL"

# The lab is its own solution. Grading it proves that all is there, and leaves in the image what the first submission
# would have to wait for.
solution=$(mktemp -d)
kmodlab grade lab lab --kernel "$KERNEL" -j 1 -o "$solution"
rm -r "$solution"
