#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Passes if the first write fails and the second one does not.
if echo one 2>/dev/null >/proc/fail_copies; then
	echo "the first write did not fail"
	exit 1
fi
echo two >/proc/fail_copies
