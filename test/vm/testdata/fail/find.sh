#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Starts a program that is not its child for long, and has the module send it a signal. Passes if that ends as its first
# argument says: sent, or gone.
(sleep 1000 & echo $! >/tmp/target)
target=$(cat /tmp/target)
until [ "$(cat "/proc/$target/comm")" = sleep ]; do :; done
if echo "$target" >/sys/module/fail_finds/parameters/pid; then
	ended=sent
else
	ended=gone
fi
echo "$ended"
[ "$ended" = "$1" ]
