#!/bin/sh
# rest.sh NAME - whether the kernel thread NAME sleeps while nobody wakes it
# SPDX-License-Identifier: GPL-2.0
pid=$(pgrep -x "$1")
if [ -z "$pid" ]; then
	echo "there is no $1"
	exit 1
fi

# How often it has lost or given away the CPU since it was born.
switches() {
	awk '/ctxt_switches/ { n += $2 } END { print n }' "/proc/$pid/status"
}

# Hundredths of a second that it has run since then.
ran() {
	cut -d ' ' -f 15 "/proc/$pid/stat"
}

sleep 0.2 # it may have begun just now
switches=$(switches)
ran=$(ran)
sleep 1
switches=$(($(switches) - switches))
ran=$(($(ran) - ran))

echo "in a second, $1 had the CPU for ${ran}0 ms, and was switched to or from $switches times"
[ "$switches" -le 2 ] && [ "$ran" -le 20 ]
