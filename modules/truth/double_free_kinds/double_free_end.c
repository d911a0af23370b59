// SPDX-License-Identifier: GPL-2.0
/*
 * double_free_end - frees a buffer again as the last call of exit, which is a
 * jump and seems to be the kernel's
 */
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/fs.h>
#include <linux/slab.h>

static const struct file_operations fops = { .owner = THIS_MODULE };
static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "double_free_end",
	.fops = &fops,
};
static char *a;
static char *b;

static int __init double_free_end_init(void)
{
	a = kmalloc(1200, GFP_KERNEL);
	b = kmalloc(1200, GFP_KERNEL);
	return misc_register(&device);
}

static void __exit double_free_end_exit(void)
{
	misc_deregister(&device);
	kfree(a);
	kfree(b);
	kfree(a);
}

module_init(double_free_end_init);
module_exit(double_free_end_exit);
MODULE_DESCRIPTION("frees a buffer twice, the second time at the end");
MODULE_LICENSE("GPL");
