// SPDX-License-Identifier: GPL-2.0
/*
 * no_should_stop_fixed - no_should_stop.c with the mend that stands there under FIXED
 *
 * Purpose
 *	Shows that kmodlab raises no false alarm.
 *
 * Usage
 *	kmodlab run modules/faults/no_should_stop --load no_should_stop_fixed
 *
 * What you will see
 *	The verdict pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define FIXED
#include "no_should_stop.c"
