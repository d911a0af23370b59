// SPDX-License-Identifier: GPL-2.0
/*
 * left_blkdev - takes a number of block devices, and gives nothing back
 */
#include <linux/blkdev.h>
#include <linux/init.h>
#include <linux/module.h>

static int major;

static int __init left_blkdev_init(void)
{
	int err;

	major = register_blkdev(0, "left_blkdev");
	err = major < 0 ? major : 0;
	if (err)
		return err;
	return 0;
}

static void __exit left_blkdev_exit(void)
{
	pr_info("left_blkdev: nothing is given back\n");
}

module_init(left_blkdev_init);
module_exit(left_blkdev_exit);
MODULE_DESCRIPTION("takes a number of block devices");
MODULE_LICENSE("GPL");
