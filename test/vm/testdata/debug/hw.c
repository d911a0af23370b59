// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/uaccess.h>

static int reads = 41;

static ssize_t hw_read(struct file *file, char __user *to, size_t size, loff_t *pos)
{
	static const char text[] = "hello\n";

	reads++;
	return simple_read_from_buffer(to, size, pos, text, sizeof(text) - 1);
}

static const struct file_operations hw_ops = { .owner = THIS_MODULE, .read = hw_read };
static struct miscdevice hw = { .minor = MISC_DYNAMIC_MINOR, .name = "hw", .fops = &hw_ops };

static int __init hw_init(void)
{
	return misc_register(&hw);
}

static void __exit hw_exit(void)
{
	misc_deregister(&hw);
}

module_init(hw_init);
module_exit(hw_exit);
MODULE_DESCRIPTION("a device that says hello");
MODULE_LICENSE("GPL");
