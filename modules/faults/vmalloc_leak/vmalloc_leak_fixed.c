// SPDX-License-Identifier: GPL-2.0
/*
 * vmalloc_leak_fixed - vmalloc_leak.c with the mend that stands there under FIXED
 *
 * Purpose
 *	Shows that kmodlab raises no false alarm.
 *
 * Usage
 *	kmodlab run modules/faults/vmalloc_leak --load vmalloc_leak_fixed
 *
 * What you will see
 *	The verdict pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define FIXED
#include "vmalloc_leak.c"
