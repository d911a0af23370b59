// SPDX-License-Identifier: GPL-2.0
/*
 * copy_too_much - copies more to a program than the object has
 */
#include <linux/err.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

static unsigned int length = 512;
module_param(length, uint, 0444);
MODULE_PARM_DESC(length, "bytes to copy");

static noinline int give(unsigned long to, const void *p)
{
	return copy_to_user((void __user *)to, p, length) ? -EFAULT : 0;
}

static int __init copy_too_much_init(void)
{
	unsigned long to = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_ANONYMOUS | MAP_PRIVATE, 0);
	void *p;
	int ret;

	if (IS_ERR_VALUE(to))
		return (int)to;
	p = kzalloc(64, GFP_KERNEL);
	if (!p)
		return -ENOMEM;
	ret = give(to, p);
	kfree(p);
	return ret;
}

static void __exit copy_too_much_exit(void)
{
}

module_init(copy_too_much_init);
module_exit(copy_too_much_exit);
MODULE_DESCRIPTION("copies more to a program than the object has");
MODULE_LICENSE("GPL");
