// SPDX-License-Identifier: GPL-2.0
/* What its init calls last returns to the kernel: the compiler makes a jump of such a call. */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static const struct file_operations operations = { .owner = THIS_MODULE };

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "fail_last_call",
	.fops = &operations,
};

static int __init last_init(void)
{
	return misc_register(&device); /* fails */
}

static void __exit last_exit(void)
{
	misc_deregister(&device);
}

module_init(last_init);
module_exit(last_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Registers a device with its last call");
