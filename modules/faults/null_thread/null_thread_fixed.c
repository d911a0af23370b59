// SPDX-License-Identifier: GPL-2.0
/*
 * null_thread_fixed - null_thread.c with the mend that stands there under FIXED
 *
 * Purpose
 *	Shows that kmodlab raises no false alarm.
 *
 * Usage
 *	kmodlab run modules/faults/null_thread --load null_thread_fixed
 *
 * What you will see
 *	The verdict pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define FIXED
#include "null_thread.c"
