// SPDX-License-Identifier: GPL-2.0
/*
 * pid_task_leak_fixed - pid_task_leak.c with the mend that stands there under FIXED
 *
 * Purpose
 *	Shows that kmodlab raises no false alarm.
 *
 * Usage
 *	kmodlab run modules/faults/pid_task_leak --load pid_task_leak_fixed
 *
 * What you will see
 *	The verdict pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define FIXED
#include "pid_task_leak.c"
