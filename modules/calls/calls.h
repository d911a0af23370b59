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
	CALLS_RING = 0x40044806, /* wake the module's thread that often */
	CALLS_LATER = 0x40044807, /* have a timer wake it; enum calls_later */
};

enum calls_later {
	CALLS_RETURN, /* at once */
	CALLS_SPIN, /* only when it has rung, and never sleep */
	CALLS_RUNG, /* do nothing, and say how often it rang */
};

long calls_ring(unsigned long times);
long calls_ring_later(unsigned long how);
int calls_bell_init(void);
void calls_bell_exit(void);

int calls_socket_init(void);
void calls_socket_exit(void);

#endif /* KMODLAB_CALLS_H */
