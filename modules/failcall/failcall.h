/* SPDX-License-Identifier: GPL-2.0 */
/* What the two parts of kmodlab_fail have in common. */
#ifndef KMODLAB_FAILCALL_H
#define KMODLAB_FAILCALL_H

#include <linux/atomic.h>
#include <linux/types.h>

struct module;
struct pt_regs;

/* The module whose calls count, NULL while it is not loaded. */
extern struct module *kmodlab_fail_victim;

extern atomic_long_t kmodlab_fail_calls;
extern long kmodlab_fail_nth;

bool kmodlab_fail_is_called(struct pt_regs *regs, unsigned int *tail);
bool kmodlab_fail_in_interrupt(void);
void kmodlab_fail_note(struct module *mod, struct pt_regs *regs,
		       unsigned long function, unsigned int tail);

/* target.c */
int kmodlab_fail_set_uses(void);
void kmodlab_fail_clear_uses(void);

#endif
