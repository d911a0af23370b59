// SPDX-License-Identifier: GPL-2.0
/*
 * forge_silence - the kernel complains, and prints nothing of it
 */
#include "forge.h"

static int __init forge_silence_init(void)
{
	return forge_warn();
}

static void __exit forge_silence_exit(void)
{
}

module_init(forge_silence_init);
module_exit(forge_silence_exit);
MODULE_DESCRIPTION("the kernel complains, and prints nothing of it");
MODULE_LICENSE("GPL");
