// SPDX-License-Identifier: GPL-2.0
/*
 * task_leak_fixed - task_leak.c with the mend that stands there under FIXED
 *
 * Purpose
 *	Shows that kmodlab raises no false alarm.
 *
 * Usage
 *	kmodlab run modules/faults/task_leak --load task_leak_fixed
 *
 * What you will see
 *	The verdict pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define FIXED
#include "task_leak.c"
