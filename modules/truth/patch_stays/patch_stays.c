// SPDX-License-Identifier: GPL-2.0
/*
 * patch_stays - a live patch, which the kernel holds until it is disabled
 */
#include <linux/init.h>
#include <linux/livepatch.h>
#include <linux/module.h>
#include <linux/seq_file.h>

static int patched_show(struct seq_file *m, void *v)
{
	seq_puts(m, "patched\n");
	return 0;
}

static struct klp_func funcs[] = { {
					   .old_name = "cmdline_proc_show",
					   .new_func = patched_show,
				   },
				   {} };

static struct klp_object objs[] = { {
					    .funcs = funcs,
				    },
				    {} };

static struct klp_patch patch = {
	.mod = THIS_MODULE,
	.objs = objs,
};

static int __init patch_stays_init(void)
{
	return klp_enable_patch(&patch);
}

static void __exit patch_stays_exit(void)
{
}

module_init(patch_stays_init);
module_exit(patch_stays_exit);
MODULE_INFO(livepatch, "Y");
MODULE_DESCRIPTION("a live patch, which the kernel holds until it is disabled");
MODULE_LICENSE("GPL");
