// SPDX-License-Identifier: GPL-2.0
int own_part_value(void);

int own_part_value(void)
{
	return 1;
}
