/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Modules: loaded, init begun and ended, references taken and put, freed; and what
 * taints the kernel, as loading a module does. These records are few and pass every
 * filter, except those of references. Those of modules carry the base addresses of
 * the text, so that the host can name places in a module after it is gone, and in
 * its init text, which is freed as soon as init has returned.
 */
#ifndef KMODLAB_MODULES_BPF_H
#define KMODLAB_MODULES_BPF_H

#include "filter.h"
#include "owner.h"

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

/* Compares a name in the kernel's memory with that of the module under study. */
static __always_inline bool is_studied_name(const char *from)
{
	__u32 zero = 0, i;
	struct studied_module *s = bpf_map_lookup_elem(&studied, &zero);
	char name[sizeof(s->name)] = {};

	if (!s || bpf_probe_read_kernel_str(name, sizeof(name), from) < 0)
		return false;
	for (i = 0; i < sizeof(name); i++) {
		if (name[i] != s->name[i])
			return false;
		if (!name[i])
			break;
	}
	return true;
}

/* Remembers the text of the module under study, for the filters. */
static __always_inline void note_studied(struct module *mod)
{
	struct module___old *old = (void *)mod;
	struct module___new *new = (void *)mod;
	struct studied_module *s;
	__u32 zero = 0;

	if (!by_module || !is_studied_name(mod->name))
		return;
	s = bpf_map_lookup_elem(&studied, &zero);
	if (!s)
		return;
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

static __always_inline int on_loaded(struct module *mod)
{
	struct record_text *r;

	note_studied(mod);
	note_module(mod, true);
	r = new_text(MODULE_LOADED, &mod->name);
	if (!r)
		return 0;
	r->r.ptr = (__u64)mod;
	fill_bases(&r->r, mod);
	submit(r, MODULE_LOADED);
	return 0;
}

/* After all checks of the loader and before init: a refused module never gets here. */
HOOK(module_loaded);
SEC("tp_btf/module_load")
int module_loaded(__u64 *ctx)
{
	FIRED(module_loaded);
	return on_loaded((struct module *)ctx[0]);
}

/* The next function that load_module calls. */
SEC("kprobe/do_init_module")
int module_loaded__kprobe(struct pt_regs *ctx)
{
	FIRED(module_loaded);
	return on_loaded((struct module *)BPF_CORE_READ(ctx, di));
}

/* The module whose init function a task runs, by pid. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u64);
} initing SEC(".maps");

static __always_inline int on_init(struct module *mod)
{
	__u32 pid = (__u32)bpf_get_current_pid_tgid();
	__u64 ptr = (__u64)mod;
	struct record_text *r;

	bpf_map_update_elem(&initing, &pid, &ptr, BPF_ANY);
	r = new_text(MODULE_INIT_BEGIN, &mod->name);
	if (!r)
		return 0;
	r->r.ptr = ptr;
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

/* If init failed, mod is already freed, so only its address is used. */
static __always_inline int on_init_end(__u64 mod, __s32 ret)
{
	struct record *r = new_bare(MODULE_INIT_END);

	if (!r)
		return 0;
	r->ptr = mod;
	r->ret = ret;
	submit(r, MODULE_INIT_END);
	return 0;
}

HOOK(module_init_end);
SEC("fexit/do_init_module")
int module_init_end(__u64 *ctx)
{
	FIRED(module_init_end);
	return on_init_end(ctx[0], (__s32)ctx[1]);
}

SEC("kretprobe/do_init_module")
int module_init_end__kretprobe(struct pt_regs *ctx)
{
	__u32 pid = (__u32)bpf_get_current_pid_tgid();
	__u64 *mod = bpf_map_lookup_elem(&initing, &pid);

	FIRED(module_init_end);
	if (!mod)
		return 0;
	return on_init_end(*mod, (__s32)BPF_CORE_READ(ctx, ax));
}

/*
 * References that the tracer itself takes, only to look, are left out. mod is NULL
 * if only the name is known.
 */
static __always_inline bool wants_reference(struct module *mod, const char *name)
{
	__u32 zero = 0, tgid = bpf_get_current_pid_tgid() >> 32;
	struct studied_module *s;

	if (tgid == tracer_tgid)
		return false;
	if (by_thread && !comm_is(current_task(), want_thread))
		return false;
	if (!by_module)
		return true;
	if (!mod)
		return is_studied_name(name);
	s = bpf_map_lookup_elem(&studied, &zero);
	return s && s->module == (__u64)mod;
}

static __always_inline int on_reference(enum kind kind, struct module *mod, const char *name,
					__s32 refcnt, __u64 site)
{
	struct record_text *r;

	if (!wants_reference(mod, name))
		return 0;
	r = new_text(kind, name);
	if (!r)
		return 0;
	r->r.ptr = (__u64)mod;
	r->r.func = site;
	r->r.arg = refcnt > 1 ? refcnt - 1 : 0; /* MODULE_REF_BASE */
	submit(r, kind);
	return 0;
}

static __always_inline int on_reference_to(enum kind kind, struct module *mod, __u64 site)
{
	return on_reference(kind, mod, mod->name, BPF_CORE_READ(mod, refcnt.counter), site);
}

static __always_inline int on_reference_event(enum kind kind,
					      struct trace_event_raw_module_refcnt *ctx)
{
	return on_reference(kind, NULL, DATA_LOC(ctx, name), BPF_CORE_READ(ctx, refcnt),
			    BPF_CORE_READ(ctx, ip));
}

/* try_module_get and __module_get. Another CPU may have changed the count by now. */
HOOK(module_got);
SEC("tp_btf/module_get")
int module_got(__u64 *ctx)
{
	FIRED(module_got);
	return on_reference_to(MODULE_GOT, (struct module *)ctx[0], ctx[1]);
}

SEC("tracepoint/module/module_get")
int module_got__tracepoint(struct trace_event_raw_module_refcnt *ctx)
{
	FIRED(module_got);
	return on_reference_event(MODULE_GOT, ctx);
}

/* Fires after the reference was put, so somebody may free the module meanwhile. */
HOOK(module_put);
SEC("tp_btf/module_put")
int module_put(__u64 *ctx)
{
	FIRED(module_put);
	return on_reference_to(MODULE_PUT, (struct module *)ctx[0], ctx[1]);
}

SEC("tracepoint/module/module_put")
int module_put__tracepoint(struct trace_event_raw_module_refcnt *ctx)
{
	FIRED(module_put);
	return on_reference_event(MODULE_PUT, ctx);
}

static __always_inline int on_module_freed(struct module *mod)
{
	struct record_text *r;

	note_module(mod, false);
	r = new_text(MODULE_FREED, &mod->name);
	if (!r)
		return 0;
	r->r.ptr = (__u64)mod;
	submit(r, MODULE_FREED);
	return 0;
}

HOOK(module_freed);
SEC("tp_btf/module_free")
int module_freed(__u64 *ctx)
{
	FIRED(module_freed);
	return on_module_freed((struct module *)ctx[0]);
}

/* The tracepoint is the first statement of this function. */
SEC("kprobe/free_module")
int module_freed__kprobe(struct pt_regs *ctx)
{
	FIRED(module_freed);
	return on_module_freed((struct module *)BPF_CORE_READ(ctx, di));
}

static __always_inline int on_tainted(void *ctx, __u32 flag)
{
	struct record_stack *r = new_stack(TAINTED, ctx);

	if (!r)
		return 0;
	r->r.arg = flag;
	submit(r, TAINTED);
	return 0;
}

/* Whatever the kernel complains about is noted in its taint mask. */
HOOK(tainted);
SEC("fentry/add_taint")
int tainted(__u64 *ctx)
{
	FIRED(tainted);
	return on_tainted(ctx, (__u32)ctx[0]);
}

SEC("kprobe/add_taint")
int tainted__kprobe(struct pt_regs *ctx)
{
	FIRED(tainted);
	return on_tainted(ctx, (__u32)BPF_CORE_READ(ctx, di));
}

#endif /* KMODLAB_MODULES_BPF_H */
