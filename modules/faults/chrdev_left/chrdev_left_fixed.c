// SPDX-License-Identifier: GPL-2.0
/*
 * chrdev_left_fixed - chrdev_left.c with the mend that stands there under FIXED
 *
 * Purpose
 *	Shows that kmodlab raises no false alarm.
 *
 * Usage
 *	kmodlab run modules/faults/chrdev_left --load chrdev_left_fixed
 *
 * What you will see
 *	The verdict pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define FIXED
#include "chrdev_left.c"
