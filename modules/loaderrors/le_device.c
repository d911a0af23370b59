// SPDX-License-Identifier: GPL-2.0
/*
 * le_device - a device file that keeps its module loaded while it is open
 *
 * sleep 60 </dev/le_device & rmmod le_device is refused: the refcount is 1, and
 * no module holds it. kmodlab rmmod --why names the process.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

static const struct file_operations le_device_fops = {
	.owner = THIS_MODULE,
};

static struct miscdevice le_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "le_device",
	.fops = &le_device_fops,
};
module_misc_device(le_device);

MODULE_DESCRIPTION("kmodlab: a device file");
MODULE_LICENSE("GPL");
