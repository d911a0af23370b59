/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Modules: loaded, init begun and ended, freed. The text's base addresses let
 * the host name places in a module after it is gone, and in its init text,
 * which is freed as soon as init has returned.
 */
#include "emit.h"

static __always_inline void fill_bases(struct record *r, struct module *mod)
{
	struct module___old *old = (void *)mod;
	struct module___new *new = (void *)mod;

	if (bpf_core_field_exists(old->core_layout)) {
		r->func = (__u64)BPF_CORE_READ(old, core_layout.base);
		r->data = (__u64)BPF_CORE_READ(old, init_layout.base);
	} else {
		r->func = (__u64)BPF_CORE_READ(new, mem[MOD_TEXT].base);
		r->data = (__u64)BPF_CORE_READ(new, mem[MOD_INIT_TEXT].base);
	}
}

/* Behind every check of the loader, before init: a refused module never comes here. */
HOOK(module_loaded);
SEC("tp_btf/module_load")
int module_loaded(__u64 *ctx)
{
	struct module *mod = (struct module *)ctx[0];
	struct record_text *r;

	FIRED(module_loaded);
	r = new_text(MODULE_LOADED, &mod->name);
	if (!r)
		return 0;
	r->r.ptr = (__u64)mod;
	fill_bases(&r->r, mod);
	SUBMIT(r);
	return 0;
}

HOOK(module_init_begin);
SEC("fentry/do_init_module")
int module_init_begin(void *ctx)
{
	struct module *mod = (struct module *)func_arg(ctx, 0);
	struct record_text *r;

	FIRED(module_init_begin);
	r = new_text(MODULE_INIT_BEGIN, &mod->name);
	if (!r)
		return 0;
	r->r.ptr = (__u64)mod;
	SUBMIT(r);
	return 0;
}

/* mod is freed already where init failed: its address only. */
HOOK(module_init_end);
SEC("fexit/do_init_module")
int module_init_end(void *ctx)
{
	struct record *r;

	FIRED(module_init_end);
	r = new_bare(MODULE_INIT_END);
	if (!r)
		return 0;
	r->ptr = func_arg(ctx, 0);
	r->ret = (__s32)func_ret(ctx);
	SUBMIT(r);
	return 0;
}

HOOK(module_freed);
SEC("tp_btf/module_free")
int module_freed(__u64 *ctx)
{
	struct module *mod = (struct module *)ctx[0];
	struct record_text *r;

	FIRED(module_freed);
	r = new_text(MODULE_FREED, &mod->name);
	if (!r)
		return 0;
	r->r.ptr = (__u64)mod;
	SUBMIT(r);
	return 0;
}
