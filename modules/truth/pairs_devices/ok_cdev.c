// SPDX-License-Identifier: GPL-2.0
/*
 * ok_cdev - adds a character device, and gives all of it back
 */
#include <linux/cdev.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/module.h>

static const struct file_operations fops = { .owner = THIS_MODULE };
static struct cdev cdev;
static dev_t number;

static int __init ok_cdev_init(void)
{
	int err;

	err = alloc_chrdev_region(&number, 0, 1, "ok_cdev");
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

static void __exit ok_cdev_exit(void)
{
	cdev_del(&cdev);
	unregister_chrdev_region(number, 1);
}

module_init(ok_cdev_init);
module_exit(ok_cdev_exit);
MODULE_DESCRIPTION("adds a character device");
MODULE_LICENSE("GPL");
