// SPDX-License-Identifier: GPL-2.0
/*
 * sysfs_left_fixed - sysfs_left.c with the mend that stands there under FIXED
 *
 * Purpose
 *	Shows that kmodlab raises no false alarm.
 *
 * Usage
 *	kmodlab run modules/faults/sysfs_left --load sysfs_left_fixed
 *
 * What you will see
 *	The verdict pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define FIXED
#include "sysfs_left.c"
