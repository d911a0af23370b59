/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Modules: loaded, init begun and ended, references got and put, freed. They
 * are few and pass every filter but for the references. The text's base addresses let
 * the host name places in a module after it is gone, and in its init text,
 * which is freed as soon as init has returned.
 */
#include "filter.h"

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

/* Keeps the text of the module under study for the filters. */
static __always_inline void note_studied(struct module *mod)
{
	__u32 zero = 0, i;
	struct studied_module *s;
	struct module___old *old = (void *)mod;
	struct module___new *new = (void *)mod;
	char name[sizeof(s->name)] = {};

	if (!by_module)
		return;
	s = bpf_map_lookup_elem(&studied, &zero);
	if (!s || bpf_probe_read_kernel_str(name, sizeof(name), &mod->name) < 0)
		return;
	for (i = 0; i < sizeof(name); i++) {
		if (name[i] != s->name[i])
			return;
		if (!name[i])
			break;
	}
	s->module = (__u64)mod;
	if (bpf_core_field_exists(old->core_layout)) {
		s->text.begin = (__u64)BPF_CORE_READ(old, core_layout.base);
		s->text.end = s->text.begin + BPF_CORE_READ(old, core_layout.text_size);
		s->init.begin = (__u64)BPF_CORE_READ(old, init_layout.base);
		s->init.end = s->init.begin + BPF_CORE_READ(old, init_layout.text_size);
	} else {
		s->text.begin = (__u64)BPF_CORE_READ(new, mem[MOD_TEXT].base);
		s->text.end = s->text.begin + BPF_CORE_READ(new, mem[MOD_TEXT].size);
		s->init.begin = (__u64)BPF_CORE_READ(new, mem[MOD_INIT_TEXT].base);
		s->init.end = s->init.begin + BPF_CORE_READ(new, mem[MOD_INIT_TEXT].size);
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
	note_studied(mod);
	r = new_text(MODULE_LOADED, &mod->name);
	if (!r)
		return 0;
	r->r.ptr = (__u64)mod;
	fill_bases(&r->r, mod);
	submit(r, MODULE_LOADED);
	return 0;
}

static __always_inline int on_init(struct module *mod)
{
	struct record_text *r = new_text(MODULE_INIT_BEGIN, &mod->name);

	if (!r)
		return 0;
	r->r.ptr = (__u64)mod;
	submit(r, MODULE_INIT_BEGIN);
	return 0;
}

HOOK(module_init_begin);
SEC("fentry/do_init_module")
int module_init_begin(__u64 *ctx)
{
	FIRED(module_init_begin);
	return on_init((struct module *)ctx[0]);
}

SEC("kprobe/do_init_module")
int module_init_begin__kprobe(struct pt_regs *ctx)
{
	FIRED(module_init_begin);
	return on_init((struct module *)BPF_CORE_READ(ctx, di));
}

/* mod is freed already where init failed: its address only. */
HOOK(module_init_end);
SEC("fexit/do_init_module")
int module_init_end(__u64 *ctx)
{
	struct record *r;

	FIRED(module_init_end);
	r = new_bare(MODULE_INIT_END);
	if (!r)
		return 0;
	r->ptr = ctx[0];
	r->ret = (__s32)ctx[1];
	submit(r, MODULE_INIT_END);
	return 0;
}

/* The tracer's own process is left out: it takes references only to look. */
const volatile __u32 tracer_tgid = 0;

static __always_inline bool wants_reference(struct module *mod)
{
	__u32 zero = 0, tgid = bpf_get_current_pid_tgid() >> 32;
	struct studied_module *s;

	if (tgid == tracer_tgid)
		return false;
	if (by_thread && !comm_is(current_task(), want_thread))
		return false;
	if (!by_module)
		return true;
	s = bpf_map_lookup_elem(&studied, &zero);
	return s && s->module == (__u64)mod;
}

static __always_inline int on_reference(enum kind kind, struct module *mod, __u64 site)
{
	struct record_text *r;
	__s32 references;

	if (!wants_reference(mod))
		return 0;
	r = new_text(kind, &mod->name);
	if (!r)
		return 0;
	references = BPF_CORE_READ(mod, refcnt.counter) - 1;
	r->r.ptr = (__u64)mod;
	r->r.func = site;
	r->r.arg = references > 0 ? references : 0;
	submit(r, kind);
	return 0;
}

/* try_module_get and __module_get. Another CPU may have changed the count since. */
HOOK(module_got);
SEC("tp_btf/module_get")
int module_got(__u64 *ctx)
{
	FIRED(module_got);
	return on_reference(MODULE_GOT, (struct module *)ctx[0], ctx[1]);
}

/* Fires after the reference is given back: somebody may free the module meanwhile. */
HOOK(module_put);
SEC("tp_btf/module_put")
int module_put(__u64 *ctx)
{
	FIRED(module_put);
	return on_reference(MODULE_PUT, (struct module *)ctx[0], ctx[1]);
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
	submit(r, MODULE_FREED);
	return 0;
}
