/* SPDX-License-Identifier: GPL-2.0 */
#ifndef RECEIVER_H
#define RECEIVER_H

#include <linux/sched.h>

/* The thread that receives signals. It lives as long as its module. */
extern struct task_struct *receiver_task;

#endif /* RECEIVER_H */
