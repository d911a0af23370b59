// SPDX-License-Identifier: GPL-2.0
/*
 * left_input - registers an input device and never unregisters it
 */
#include <linux/init.h>
#include <linux/input.h>
#include <linux/module.h>

static int __init left_input_init(void)
{
	struct input_dev *input = input_allocate_device();
	int err;

	if (!input)
		return -ENOMEM;
	input->name = "left_input";
	input_set_capability(input, EV_KEY, KEY_A);
	err = input_register_device(input);
	if (err)
		input_free_device(input);
	return err;
}

static void __exit left_input_exit(void)
{
	pr_info("left_input: nothing is given back\n");
}

module_init(left_input_init);
module_exit(left_input_exit);
MODULE_DESCRIPTION("registers an input device and leaves it");
MODULE_LICENSE("GPL");
