// SPDX-License-Identifier: GPL-2.0
/*
 * no_stop_fixed - no_stop.c with the mend that stands there under FIXED
 *
 * Purpose
 *	Shows that kmodlab raises no false alarm.
 *
 * Usage
 *	kmodlab run modules/faults/no_stop --load no_stop_fixed
 *
 * What you will see
 *	The verdict pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define FIXED
#include "no_stop.c"
