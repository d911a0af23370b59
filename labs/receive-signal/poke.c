// SPDX-License-Identifier: GPL-2.0
/*
 * poke - sends signals to the thread of receiver when it is loaded
 *
 * Kernels 5.10 to 7.3.
 */
#include <linux/delay.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/sched/signal.h>

#include "receiver.h"

static int signo = SIGUSR1;
module_param(signo, int, 0444);
MODULE_PARM_DESC(signo, "which signal is sent");

static int times = 3;
module_param(times, int, 0444);
MODULE_PARM_DESC(times, "how often");

static int pause_ms = 250;
module_param(pause_ms, int, 0444);
MODULE_PARM_DESC(pause_ms, "milliseconds after each");

static int __init startup(void)
{
	int i;

	for (i = 0; i < times; i++) {
		send_sig(signo, receiver_task, 1);
		msleep(pause_ms);
	}
	return 0;
}

static void __exit cleanup(void)
{
}

module_init(startup);
module_exit(cleanup);

MODULE_LICENSE("GPL");
MODULE_AUTHOR("The kmodlab authors");
MODULE_DESCRIPTION("Sends signals to a kernel thread");
