// SPDX-License-Identifier: GPL-2.0
/*
 * null_member - uses a member of a structure whose pointer is NULL
 */
#include <linux/init.h>
#include <linux/module.h>

struct device_state {
	char name[32];
	int users;
};

static struct device_state *state;

static int __init null_member_init(void)
{
	state->users++;
	return 0;
}

static void __exit null_member_exit(void)
{
}

module_init(null_member_init);
module_exit(null_member_exit);
MODULE_DESCRIPTION("uses a member of a structure whose pointer is NULL");
MODULE_LICENSE("GPL");
