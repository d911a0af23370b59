/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ward - the beds of the patient, and the round that its nurse makes
 *
 * The lab's own: what you change here does not count.
 *
 * Kernels 5.10 to 7.3.
 */
#ifndef WARD_H
#define WARD_H

#include <linux/list.h>
#include <linux/rwsem.h>
#include <linux/types.h>

struct bed {
	struct list_head list;
	u32 number;
	u32 visits;
};

/* The beds that there are, and the round. There is no bed 7. */
static struct bed beds[] = {
	{ .number = 1 },
	{ .number = 2 },
	{ .number = 3 },
};
static const u32 the_round[] = { 1, 2, 7, 3 };

static LIST_HEAD(ward);
static DECLARE_RWSEM(ward_lock);

/* The bed with this number. The caller holds ward_lock. */
static struct bed *find_bed(u32 number)
{
	struct bed *bed;

	list_for_each_entry(bed, &ward, list)
		if (bed->number == number)
			return bed;
	return NULL;
}

static void open_ward(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(beds); i++)
		list_add_tail(&beds[i].list, &ward);
}

/* How often the beds were visited, all together. */
static int all_visits(void)
{
	int i, sum = 0;

	for (i = 0; i < ARRAY_SIZE(beds); i++)
		sum += beds[i].visits;
	return sum;
}

#endif
