// SPDX-License-Identifier: GPL-2.0
/*
 * timer_armed_fixed - timer_armed.c with the mend that stands there under FIXED
 *
 * Purpose
 *	Shows that kmodlab raises no false alarm.
 *
 * Usage
 *	kmodlab run modules/faults/timer_armed --load timer_armed_fixed
 *
 * What you will see
 *	The verdict pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define FIXED
#include "timer_armed.c"
