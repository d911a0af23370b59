// SPDX-License-Identifier: GPL-2.0
/*
 * stop_twice_fixed - stop_twice.c with the mend that stands there under FIXED
 *
 * Purpose
 *	Shows that kmodlab raises no false alarm.
 *
 * Usage
 *	kmodlab run modules/faults/stop_twice --load stop_twice_fixed
 *
 * What you will see
 *	The verdict pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define FIXED
#include "stop_twice.c"
