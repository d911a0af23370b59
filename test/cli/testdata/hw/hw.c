// SPDX-License-Identifier: GPL-2.0
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/wait.h>

static DECLARE_WAIT_QUEUE_HEAD(never);

static noinline int hw_wait(void)
{
	int err = wait_event_interruptible(never, false);

	barrier(); /* so that this is no jump */
	return err;
}

static ssize_t hw_read(struct file *file, char __user *buf, size_t n, loff_t *pos)
{
	return simple_read_from_buffer(buf, n, pos, "hello\n", 6);
}

static ssize_t hw_write(struct file *file, const char __user *buf, size_t n, loff_t *pos)
{
	*(volatile int *)0 = n;
	return n;
}

static long hw_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case 0x4801:
		return 0;
	case 0x4802:
		return hw_wait();
	}
	return -ENOTTY;
}

static const struct file_operations hw_fops = {
	.owner = THIS_MODULE,
	.read = hw_read,
	.write = hw_write,
	.unlocked_ioctl = hw_ioctl,
};

static struct miscdevice hw = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "hw",
	.fops = &hw_fops,
};

module_misc_device(hw);

MODULE_DESCRIPTION("A device for tests");
MODULE_LICENSE("GPL");
