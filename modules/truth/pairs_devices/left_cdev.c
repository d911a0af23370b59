// SPDX-License-Identifier: GPL-2.0
/*
 * left_cdev - adds a character device, and gives nothing back
 */
#include <linux/cdev.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/module.h>

static const struct file_operations fops = { .owner = THIS_MODULE };
static struct cdev cdev;
static dev_t number;

static int __init left_cdev_init(void)
{
	int err;

	err = alloc_chrdev_region(&number, 0, 1, "left_cdev");
	if (err)
		return err;
	cdev_init(&cdev, &fops);
	err = cdev_add(&cdev, number, 1);
	if (err)
		goto undo_1;
	return 0;

undo_1:
	unregister_chrdev_region(number, 1);
	return err;
}

static void __exit left_cdev_exit(void)
{
	pr_info("left_cdev: nothing is given back\n");
}

module_init(left_cdev_init);
module_exit(left_cdev_exit);
MODULE_DESCRIPTION("adds a character device");
MODULE_LICENSE("GPL");
