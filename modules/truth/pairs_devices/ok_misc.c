// SPDX-License-Identifier: GPL-2.0
/*
 * ok_misc - registers a misc device, and gives all of it back
 */
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static const struct file_operations fops = { .owner = THIS_MODULE };
static struct miscdevice misc = { .minor = MISC_DYNAMIC_MINOR,
				  .name = "ok_misc",
				  .fops = &fops };

static int __init ok_misc_init(void)
{
	int err;

	err = misc_register(&misc);
	if (err)
		return err;
	return 0;
}

static void __exit ok_misc_exit(void)
{
	misc_deregister(&misc);
}

module_init(ok_misc_init);
module_exit(ok_misc_exit);
MODULE_DESCRIPTION("registers a misc device");
MODULE_LICENSE("GPL");
