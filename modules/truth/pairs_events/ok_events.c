// SPDX-License-Identifier: GPL-2.0
/*
 * ok_events - asks to be told of events, and gives all of it back
 */
#include <linux/cpuhotplug.h>
#include <linux/init.h>
#include <linux/kdebug.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/panic_notifier.h>
#include <linux/reboot.h>
#include <linux/shrinker.h>
#include <linux/suspend.h>
#include <linux/version.h>

static int ok_events_event(struct notifier_block *nb, unsigned long event,
			   void *data)
{
	return NOTIFY_DONE;
}
static struct notifier_block reboots = { .notifier_call = ok_events_event };
static struct notifier_block dies = { .notifier_call = ok_events_event };
static struct notifier_block panics = { .notifier_call = ok_events_event };

static int state;

static int __init ok_events_init(void)
{
	int err;

	err = register_reboot_notifier(&reboots);
	if (err)
		return err;
	err = register_die_notifier(&dies);
	if (err)
		goto undo_1;
	err = atomic_notifier_chain_register(&panic_notifier_list, &panics);
	if (err)
		goto undo_2;
	state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "ok_events", NULL, NULL);
	err = state < 0 ? state : 0;
	if (err)
		goto undo_3;
	return 0;

undo_3:
	atomic_notifier_chain_unregister(&panic_notifier_list, &panics);
undo_2:
	unregister_die_notifier(&dies);
undo_1:
	unregister_reboot_notifier(&reboots);
	return err;
}

static void __exit ok_events_exit(void)
{
	cpuhp_remove_state(state);
	atomic_notifier_chain_unregister(&panic_notifier_list, &panics);
	unregister_die_notifier(&dies);
	unregister_reboot_notifier(&reboots);
}

module_init(ok_events_init);
module_exit(ok_events_exit);
MODULE_DESCRIPTION("asks to be told of events");
MODULE_LICENSE("GPL");
