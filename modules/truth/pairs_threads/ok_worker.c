// SPDX-License-Identifier: GPL-2.0
/*
 * ok_worker - makes a worker, and gives all of it back
 */
#include <linux/init.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/version.h>

static struct kthread_worker *worker;

/* kthread_run_worker() was added in 6.14. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define kthread_run_worker kthread_create_worker
#endif

static int __init ok_worker_init(void)
{
	int err;

	worker = kthread_run_worker(0, "truth_worker");
	err = PTR_ERR_OR_ZERO(worker);
	if (err)
		return err;
	return 0;
}

static void __exit ok_worker_exit(void)
{
	kthread_destroy_worker(worker);
}

module_init(ok_worker_init);
module_exit(ok_worker_exit);
MODULE_DESCRIPTION("makes a worker");
MODULE_LICENSE("GPL");
