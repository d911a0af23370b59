// SPDX-License-Identifier: GPL-2.0
/*
 * left_sysfs - makes a folder in /sys, and gives nothing back
 */
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/sysfs.h>

static struct kobject *dir;

static ssize_t number_show(struct kobject *kobj, struct kobj_attribute *attr,
			   char *buf)
{
	return sprintf(buf, "1\n");
}

static struct kobj_attribute number = __ATTR_RO(number);

static int __init left_sysfs_init(void)
{
	int err;

	dir = kobject_create_and_add("left_sysfs", kernel_kobj);
	err = dir ? 0 : -ENOMEM;
	if (err)
		return err;
	err = sysfs_create_file(dir, &number.attr);
	if (err)
		goto undo_1;
	return 0;

undo_1:
	kobject_put(dir);
	return err;
}

static void __exit left_sysfs_exit(void)
{
	pr_info("left_sysfs: nothing is given back\n");
}

module_init(left_sysfs_init);
module_exit(left_sysfs_exit);
MODULE_DESCRIPTION("makes a folder in /sys");
MODULE_LICENSE("GPL");
