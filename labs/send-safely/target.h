/* SPDX-License-Identifier: GPL-2.0 */
#ifndef TARGET_H
#define TARGET_H

#include <linux/pid.h>

/*
 * target_pid - whom to send the signal to
 *
 * The struct pid is the caller's from then on: give it back with put_pid().
 * The task that it stands for may end at any moment.
 */
struct pid *target_pid(void);

#endif /* TARGET_H */
