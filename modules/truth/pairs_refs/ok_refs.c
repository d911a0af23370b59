// SPDX-License-Identifier: GPL-2.0
/*
 * ok_refs - takes references to an address space and a device, and gives all of it back
 */
#include <linux/device.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/namei.h>
#include <linux/pid.h>
#include <linux/platform_device.h>
#include <linux/sched.h>
#include <linux/sched/mm.h>

static struct mm_struct *mm;
static struct platform_device *pdev;
static struct device *dev;

static int __init ok_refs_init(void)
{
	int err;

	mm = get_task_mm(current);
	err = mm ? 0 : -EINVAL;
	if (err)
		return err;
	pdev = platform_device_register_simple("ok_refs", -1, NULL, 0);
	err = PTR_ERR_OR_ZERO(pdev);
	if (err)
		goto undo_1;
	dev = get_device(&pdev->dev);
	err = dev ? 0 : -ENODEV;
	if (err)
		goto undo_2;
	return 0;

undo_2:
	platform_device_unregister(pdev);
undo_1:
	mmput(mm);
	return err;
}

static void __exit ok_refs_exit(void)
{
	put_device(dev);
	platform_device_unregister(pdev);
	mmput(mm);
}

module_init(ok_refs_init);
module_exit(ok_refs_exit);
MODULE_DESCRIPTION("takes references to an address space and a device");
MODULE_LICENSE("GPL");
