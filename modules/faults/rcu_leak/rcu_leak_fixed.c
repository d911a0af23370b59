// SPDX-License-Identifier: GPL-2.0
/*
 * rcu_leak_fixed - rcu_leak.c with the mend that stands there under FIXED
 *
 * Purpose
 *	Shows that kmodlab raises no false alarm.
 *
 * Usage
 *	kmodlab run modules/faults/rcu_leak --load rcu_leak_fixed
 *
 * What you will see
 *	The verdict pass.
 *
 * Kernels 5.10 to 7.3.
 */
#define FIXED
#include "rcu_leak.c"
