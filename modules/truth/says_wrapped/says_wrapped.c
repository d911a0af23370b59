// SPDX-License-Identifier: GPL-2.0
/*
 * says_wrapped - prints by a function of its own, with levels that are
 * arguments, from a table of texts, and in colours
 *
 * Nothing is wrong.
 */
#include <linux/init.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/printk.h>

static const char *const texts[] = {
	"INFO: the small pump is off",
	"BUG: there is none in this line, and no report either",
};

static __printf(2, 3) noinline
	void says_wrapped_log(int err, const char *fmt, ...)
{
	struct va_format vaf;
	va_list args;

	va_start(args, fmt);
	vaf.fmt = fmt;
	vaf.va = &args;
	printk("%sPump<%d>: %pV\n", err ? KERN_ERR : KERN_INFO, err, &vaf);
	va_end(args);
}

static int __init says_wrapped_init(void)
{
	int i;

	says_wrapped_log(0, "%d bar in %s", 7, "tank A");
	says_wrapped_log(1, "no oil");
	for (i = 0; i < ARRAY_SIZE(texts); i++)
		printk(KERN_ERR "%s\n", texts[i]);
	printk("%s%s\n", KERN_WARNING, "a warning by two arguments");
	pr_info("\x1b[32mgreen\x1b[0m and plain\n");
	return 0;
}

static void __exit says_wrapped_exit(void)
{
	says_wrapped_log(0, "the end");
}

module_init(says_wrapped_init);
module_exit(says_wrapped_exit);
MODULE_DESCRIPTION("prints by a function of its own");
MODULE_LICENSE("GPL");
