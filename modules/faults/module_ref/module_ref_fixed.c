// SPDX-License-Identifier: GPL-2.0
/*
 * module_ref_fixed - module_ref.c with the mend that stands there under FIXED
 *
 * Purpose
 *	Shows that kmodlab raises no false alarm.
 *
 * Usage
 *	kmodlab run modules/faults/module_ref --load module_ref_fixed
 *
 * What you will see
 *	The verdict pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define FIXED
#include "module_ref.c"
