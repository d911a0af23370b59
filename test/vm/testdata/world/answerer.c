// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>

static int __init answerer_init(void)
{
	return 0;
}
module_init(answerer_init);

static void __exit answerer_exit(void)
{
}
module_exit(answerer_exit);

MODULE_LICENSE("GPL");
