// SPDX-License-Identifier: GPL-2.0
/*
 * no_flavour - uses sound, which the cloud flavour is built without
 */
#include <linux/init.h>
#include <linux/module.h>
#include <sound/core.h>

static int __init no_flavour_init(void)
{
	struct snd_card *card;
	int ret = snd_card_new(NULL, -1, NULL, THIS_MODULE, 0, &card);

	if (!ret)
		snd_card_free(card);
	return ret;
}

static void __exit no_flavour_exit(void)
{
}

module_init(no_flavour_init);
module_exit(no_flavour_exit);
MODULE_DESCRIPTION("uses sound, which the cloud flavour is built without");
MODULE_LICENSE("GPL");
