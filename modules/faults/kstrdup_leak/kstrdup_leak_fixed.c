// SPDX-License-Identifier: GPL-2.0
/*
 * kstrdup_leak_fixed - kstrdup_leak.c with the mend that stands there under FIXED
 *
 * Purpose
 *	Shows that kmodlab raises no false alarm.
 *
 * Usage
 *	kmodlab run modules/faults/kstrdup_leak --load kstrdup_leak_fixed
 *
 * What you will see
 *	The verdict pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define FIXED
#include "kstrdup_leak.c"
