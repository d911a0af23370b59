// SPDX-License-Identifier: GPL-2.0
/*
 * left_misc - registers a misc device, and gives nothing back
 */
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static const struct file_operations fops = { .owner = THIS_MODULE };
static struct miscdevice misc = { .minor = MISC_DYNAMIC_MINOR,
				  .name = "left_misc",
				  .fops = &fops };

static int __init left_misc_init(void)
{
	int err;

	err = misc_register(&misc);
	if (err)
		return err;
	return 0;
}

static void __exit left_misc_exit(void)
{
	pr_info("left_misc: nothing is given back\n");
}

module_init(left_misc_init);
module_exit(left_misc_exit);
MODULE_DESCRIPTION("registers a misc device");
MODULE_LICENSE("GPL");
