#!/bin/sh
# look.sh NAME TIMES - what /sys says of the parameters of hello
# SPDX-License-Identifier: GPL-2.0
cd /sys/module/hello/parameters || exit 1

status=0
look() {
	if [ ! -e "$1" ]; then
		echo "there is no parameter $1 in $PWD"
		status=1
		return
	fi
	value=$(cat "$1")
	mode=$(stat -c %a "$1")
	if [ "$value" != "$2" ]; then
		echo "$1 is $value, not $2"
		status=1
	fi
	if [ "$mode" != 444 ]; then
		echo "the mode of $1 is $mode, not 444"
		status=1
	fi
}

look name "$1"
look times "$2"
exit $status
