// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/mailbox keeps the last message that was written into it. A read returns
 * it from the file's position on, and the ioctl empties the box.
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "mailbox.h"

static DEFINE_MUTEX(lock);
static char message[MAILBOX_SIZE];
static size_t length;

static bool leak;
module_param(leak, bool, 0444);
MODULE_PARM_DESC(leak, "forget some memory, so that a test can fail");

static ssize_t mailbox_read(struct file *file, char __user *buf, size_t n, loff_t *pos)
{
	ssize_t ret;

	mutex_lock(&lock);
	ret = simple_read_from_buffer(buf, n, pos, message, length);
	mutex_unlock(&lock);
	return ret;
}

static ssize_t mailbox_write(struct file *file, const char __user *buf, size_t n, loff_t *pos)
{
	ssize_t ret = n;

	if (n > sizeof(message))
		return -EMSGSIZE;
	mutex_lock(&lock);
	length = 0;
	if (copy_from_user(message, buf, n))
		ret = -EFAULT;
	else
		length = n;
	mutex_unlock(&lock);
	return ret;
}

static long mailbox_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	if (cmd != MAILBOX_EMPTY)
		return -ENOTTY;
	mutex_lock(&lock);
	length = 0;
	mutex_unlock(&lock);
	return 0;
}

static const struct file_operations mailbox_fops = {
	.owner = THIS_MODULE,
	.read = mailbox_read,
	.write = mailbox_write,
	.unlocked_ioctl = mailbox_ioctl,
};

static struct miscdevice mailbox = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "mailbox",
	.fops = &mailbox_fops,
};

static int __init mailbox_init(void)
{
	int err = misc_register(&mailbox);

	if (err)
		return err;
	if (leak && !kmalloc(1000, GFP_KERNEL))
		pr_warn("there is no memory to forget\n");
	pr_info("a message has at most %d bytes\n", MAILBOX_SIZE);
	return 0;
}
module_init(mailbox_init);

static void __exit mailbox_exit(void)
{
	misc_deregister(&mailbox);
}
module_exit(mailbox_exit);

MODULE_DESCRIPTION("A device that keeps one message");
MODULE_LICENSE("GPL");
