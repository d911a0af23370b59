// SPDX-License-Identifier: GPL-2.0
/*
 * poke - sends one signal to the thread of receiver as soon as that is known
 *
 * Kernels 5.10 to 7.3.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/sched/signal.h>

#include "receiver.h"

static int __init startup(void)
{
	int tries;

	for (tries = 0; tries < 100 && !READ_ONCE(receiver_task); tries++)
		msleep(10);
	if (!receiver_task)
		return -ESRCH;
	send_sig(SIGUSR1, receiver_task, 1);
	complete_all(&poked);
	return 0;
}

static void __exit cleanup(void)
{
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("Sends a signal at the worst moment");
