// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>
static int __init nothing_init(void) { return 0; }
static void __exit nothing_exit(void) { }
module_init(nothing_init);
module_exit(nothing_exit);
MODULE_LICENSE("GPL");
