/* SPDX-License-Identifier: GPL-2.0 */
#ifndef KMODLAB_CALLS_H
#define KMODLAB_CALLS_H

/* The requests of ioctl on /dev/kmodlab_calls; use.c has the same numbers. */
enum calls_request {
	CALLS_NOTHING = 0x40044801,
	CALLS_THREAD = 0x40044802, /* start a thread and stop it */
	CALLS_SIGNAL = 0x40044803, /* send the caller that signal */
	CALLS_WAIT = 0x40044804, /* wait for a signal */
	CALLS_FAULT = 0x40044805, /* make a fault in the module */
};

int calls_socket_init(void);
void calls_socket_exit(void);

#endif /* KMODLAB_CALLS_H */
