// SPDX-License-Identifier: GPL-2.0
/* Takes a parameter and copies what a write to /proc/fail_copies brings. */
#include <linux/module.h>
#include <linux/proc_fs.h>
#include <linux/uaccess.h>

static ssize_t copies_write(struct file *file, const char __user *from, size_t n, loff_t *at)
{
	char text[32] = "?";

	if (n > sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, from, n)) { /* fails */
		pr_info("nothing came: %d\n", text[0]);
		return -EFAULT;
	}
	pr_info("it came: %d\n", text[0]);
	return n;
}

static const struct proc_ops operations = { .proc_write = copies_write };

static int __init copies_init(void)
{
	if (!proc_create("fail_copies", 0600, NULL, &operations))
		return -ENOMEM;
	return 0;
}

static void __exit copies_exit(void)
{
	remove_proc_entry("fail_copies", NULL);
}

module_init(copies_init);
module_exit(copies_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Copies what is written to it");
