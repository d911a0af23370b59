// SPDX-License-Identifier: GPL-2.0
/*
 * forge_mask - the kernel complains without a word, and its taint mask is put back
 */
#include "forge.h"

static int __init forge_mask_init(void)
{
	unsigned long *mask = forge_symbol("tainted_mask");
	unsigned long was;
	int ret;

	if (!mask)
		return -ENOENT;
	was = *mask;
	ret = forge_warn();
	WRITE_ONCE(*mask, was); /* fault */
	return ret;
}

static void __exit forge_mask_exit(void)
{
}

module_init(forge_mask_init);
module_exit(forge_mask_exit);
MODULE_DESCRIPTION(
	"the kernel complains without a word, and its taint mask is put back");
MODULE_LICENSE("GPL");
