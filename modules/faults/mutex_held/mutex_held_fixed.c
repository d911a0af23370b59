// SPDX-License-Identifier: GPL-2.0
/*
 * mutex_held_fixed - mutex_held.c with the mend that stands there under FIXED
 *
 * Purpose
 *	Shows that kmodlab raises no false alarm.
 *
 * Usage
 *	kmodlab run modules/faults/mutex_held --load mutex_held_fixed
 *
 * What you will see
 *	The verdict pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define FIXED
#include "mutex_held.c"
