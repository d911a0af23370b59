// SPDX-License-Identifier: GPL-2.0
/*
 * error_pointer - uses what filp_open returned without IS_ERR
 */
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/init.h>
#include <linux/module.h>

static int __init error_pointer_init(void)
{
	struct file *f = filp_open("/no/such/file", O_RDONLY, 0);

	pr_info("error_pointer: flags %x\n", f->f_flags);
	filp_close(f, NULL);
	return 0;
}

static void __exit error_pointer_exit(void)
{
}

module_init(error_pointer_init);
module_exit(error_pointer_exit);
MODULE_DESCRIPTION("uses what filp_open returned without IS_ERR");
MODULE_LICENSE("GPL");
