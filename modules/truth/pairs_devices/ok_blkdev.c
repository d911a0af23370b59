// SPDX-License-Identifier: GPL-2.0
/*
 * ok_blkdev - takes a number of block devices, and gives all of it back
 */
#include <linux/blkdev.h>
#include <linux/init.h>
#include <linux/module.h>

static int major;

static int __init ok_blkdev_init(void)
{
	int err;

	major = register_blkdev(0, "ok_blkdev");
	err = major < 0 ? major : 0;
	if (err)
		return err;
	return 0;
}

static void __exit ok_blkdev_exit(void)
{
	unregister_blkdev(major, "ok_blkdev");
}

module_init(ok_blkdev_init);
module_exit(ok_blkdev_exit);
MODULE_DESCRIPTION("takes a number of block devices");
MODULE_LICENSE("GPL");
