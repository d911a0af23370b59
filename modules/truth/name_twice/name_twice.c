// SPDX-License-Identifier: GPL-2.0
/*
 * name_twice - makes two classes of one name, and does not undo the first
 */
#include <linux/device.h>
#include <linux/err.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/version.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 4, 0)
#define make_class(name) class_create(THIS_MODULE, name)
#else
#define make_class(name) class_create(name)
#endif

static struct class *one;

static int __init name_twice_init(void)
{
	struct class *two;

	one = make_class("name_twice");
	if (IS_ERR(one))
		return PTR_ERR(one);
	two = make_class("name_twice");
	if (IS_ERR(two)) {
		class_destroy(one);
		return PTR_ERR(two);
	}
	class_destroy(two);
	return 0;
}

static void __exit name_twice_exit(void)
{
	class_destroy(one);
}

module_init(name_twice_init);
module_exit(name_twice_exit);
MODULE_DESCRIPTION("makes two classes of one name, and does not undo the first");
MODULE_LICENSE("GPL");
