/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * request_module: the call, the formatted name, the way through the limiter, the
 * usermode helper from queue to exit, and the value that the caller gets.
 */
#ifndef KMODLAB_REQUESTS_BPF_H
#define KMODLAB_REQUESTS_BPF_H

#include "filter.h"
#include "follow.h"

/* A kprobe, because __request_module is variadic, which fentry refuses. */
HOOK(request_asked);
SEC("kprobe/__request_module")
int request_asked(struct pt_regs *ctx)
{
	struct record_text_stack *r;

	FIRED(request_asked);
	if (!wants_caller(ctx))
		return 0;
	begin_request();
	r = new_text_stack(REQUEST_ASKED, ctx, (void *)BPF_CORE_READ(ctx, si));
	if (!r)
		return 0;
	r->r.arg = BPF_CORE_READ(ctx, di) & 0xff;
	submit(r, REQUEST_ASKED);
	return 0;
}

HOOK(request_returned);
SEC("kretprobe/__request_module")
int request_returned(struct pt_regs *ctx)
{
	struct record *r;

	FIRED(request_returned);
	if (!wants_request())
		return 0;
	end_request();
	r = new_bare(REQUEST_RETURNED);
	if (!r)
		return 0;
	r->ret = (__s32)BPF_CORE_READ(ctx, ax);
	submit(r, REQUEST_RETURNED);
	return 0;
}

/* The formatted name, before the limit of 50 concurrent requests. */
static __always_inline int on_named(__u64 name)
{
	struct record_text *r;

	if (!wants_request())
		return 0;
	r = new_text(REQUEST_NAMED, (void *)name);
	if (r)
		submit(r, REQUEST_NAMED);
	return 0;
}

HOOK(request_named);
SEC("fentry/security_kernel_module_request")
int request_named(__u64 *ctx)
{
	FIRED(request_named);
	return on_named(ctx[0]);
}

SEC("kprobe/security_kernel_module_request")
int request_named__kprobe(struct pt_regs *ctx)
{
	FIRED(request_named);
	return on_named(BPF_CORE_READ(ctx, di));
}

static __always_inline int on_admitted(const char *name, bool wait)
{
	struct record_text *r;

	if (!wants_request())
		return 0;
	r = new_text(REQUEST_ADMITTED, name);
	if (!r)
		return 0;
	r->r.arg = wait;
	submit(r, REQUEST_ADMITTED);
	return 0;
}

HOOK(request_admitted);
SEC("tp_btf/module_request")
int request_admitted(__u64 *ctx)
{
	FIRED(request_admitted);
	return on_admitted((void *)ctx[0], ctx[1] & 0xff);
}

SEC("tracepoint/module/module_request")
int request_admitted__tracepoint(struct trace_event_raw_module_request *ctx)
{
	FIRED(request_admitted);
	return on_admitted(DATA_LOC(ctx, name), BPF_CORE_READ(ctx, wait));
}

/* Copies an array of strings that ends with NULL. A string that cannot be read is empty. */
static __always_inline void fill_strings(char (*out)[ARG_LEN], __u32 max, char **strings)
{
	__u32 i;

#pragma unroll
	for (i = 0; i < max; i++) {
		char *s = NULL;

		out[i][0] = 0;
		if (!strings)
			continue;
		bpf_probe_read_kernel(&s, sizeof(s), &strings[i]);
		if (!s) {
			strings = NULL;
			continue;
		}
		if (bpf_probe_read_kernel_str(out[i], ARG_LEN, s) < 0)
			out[i][0] = 0;
	}
}

/*
 * call_usermodehelper_exec and not _setup, which has seven arguments: fentry
 * refuses that on 6.1. Other users of helpers (hotplug, core dumps) get here too;
 * the host tells them apart by the request that is open.
 */
static __always_inline int on_queued(struct subprocess_info *info, __u32 wait)
{
	struct record_args *r;

	if (!wants_request())
		return 0;
	r = NEW_RECORD(record_args, HELPER_QUEUED, PART_TEXT | PART_ARGS | PART_ENV);
	if (!r)
		return 0;
	r->r.ptr = (__u64)info;
	r->r.arg = wait;
	fill_text(r->text, BPF_CORE_READ(info, path));
	fill_strings(r->args, ARGS_MAX, BPF_CORE_READ(info, argv));
	fill_strings(r->env, ENV_MAX, BPF_CORE_READ(info, envp));
	submit(r, HELPER_QUEUED);
	return 0;
}

HOOK(helper_queued);
SEC("fentry/call_usermodehelper_exec")
int helper_queued(__u64 *ctx)
{
	FIRED(helper_queued);
	return on_queued((struct subprocess_info *)ctx[0], ctx[1]);
}

SEC("kprobe/call_usermodehelper_exec")
int helper_queued__kprobe(struct pt_regs *ctx)
{
	FIRED(helper_queued);
	return on_queued((struct subprocess_info *)BPF_CORE_READ(ctx, di), BPF_CORE_READ(ctx, si));
}

static __always_inline int on_helper_returned(__u64 info, __s32 ret)
{
	struct record *r;

	if (!wants_request())
		return 0;
	r = new_bare(HELPER_RETURNED);
	if (!r)
		return 0;
	r->ptr = info;
	r->ret = ret;
	submit(r, HELPER_RETURNED);
	return 0;
}

HOOK(helper_returned);
SEC("fexit/call_usermodehelper_exec")
int helper_returned(__u64 *ctx)
{
	FIRED(helper_returned);
	return on_helper_returned(ctx[0], (__s32)ctx[2]);
}

/* The helper is not known here; the request that is open in this task tells it. */
SEC("kretprobe/call_usermodehelper_exec")
int helper_returned__kretprobe(struct pt_regs *ctx)
{
	FIRED(helper_returned);
	return on_helper_returned(0, (__s32)BPF_CORE_READ(ctx, ax));
}

/*
 * Runs in the helper's own task, before exec. From here on helpers pass every
 * filter: they are few, and the host finds their request by the subprocess_info.
 */
static __always_inline int on_forked(__u64 info)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct record *r;

	bpf_map_update_elem(&helpers, &tgid, &info, BPF_ANY);
	r = new_bare(HELPER_FORKED);
	if (!r)
		return 0;
	r->ptr = info;
	submit(r, HELPER_FORKED);
	return 0;
}

HOOK(helper_forked);
SEC("fentry/call_usermodehelper_exec_async")
int helper_forked(__u64 *ctx)
{
	FIRED(helper_forked);
	return on_forked(ctx[0]);
}

SEC("kprobe/call_usermodehelper_exec_async")
int helper_forked__kprobe(struct pt_regs *ctx)
{
	FIRED(helper_forked);
	return on_forked(BPF_CORE_READ(ctx, di));
}

/*
 * A kworker waits for the helper and gets the status of the process. The exit of
 * one thread would not tell it if modprobe has several.
 */
static __always_inline int on_waited(__u32 pid, __s32 status)
{
	struct record *r = new_bare(HELPER_WAITED);

	if (!r)
		return 0;
	r->arg = pid;
	r->ret = status;
	submit(r, HELPER_WAITED);
	return 0;
}

HOOK(helper_waited);
SEC("fexit/kernel_wait")
int helper_waited(__u64 *ctx)
{
	int status = 0;

	FIRED(helper_waited);
	bpf_probe_read_kernel(&status, sizeof(status), (void *)raw_arg(ctx, 1));
	return on_waited((__u32)ctx[0], status);
}

/* It returns the pid, and the status is already in the helper's subprocess_info. */
SEC("kretprobe/kernel_wait")
int helper_waited__kretprobe(struct pt_regs *ctx)
{
	__s32 pid = (__s32)BPF_CORE_READ(ctx, ax);
	struct subprocess_info *info;
	__u64 *helper;

	FIRED(helper_waited);
	if (pid <= 0)
		return 0;
	helper = bpf_map_lookup_elem(&helpers, &pid);
	if (!helper)
		return 0;
	info = (struct subprocess_info *)*helper;
	return on_waited(pid, BPF_CORE_READ(info, retval));
}

/*
 * kmod_dup_request_exists_wait(name, wait, &ret) is in 6.4 and later, if the
 * kernel has CONFIG_MODULE_DEBUG_AUTOLOAD_DUPS; Debian's kernels do not. It returns
 * true if another request for the same name ran modprobe, with the result ret.
 */
HOOK(request_duplicate);
SEC("fexit/kmod_dup_request_exists_wait")
int request_duplicate(__u64 *ctx)
{
	struct record_text *r;
	int ret = 0;

	FIRED(request_duplicate);
	if (!(ctx[3] & 0xff) || !wants_request())
		return 0;
	r = new_text(REQUEST_DUPLICATE, (void *)ctx[0]);
	if (!r)
		return 0;
	bpf_probe_read_kernel(&ret, sizeof(ret), (void *)raw_arg(ctx, 2));
	r->r.ret = ret;
	submit(r, REQUEST_DUPLICATE);
	return 0;
}

static __always_inline int on_execed(const char *filename, __u32 old_pid)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct record_text *r;

	follow_exec(old_pid);
	if (!is_followed() && !bpf_map_lookup_elem(&helpers, &tgid))
		return 0;
	r = new_text(TASK_EXECED, filename);
	if (r)
		submit(r, TASK_EXECED);
	return 0;
}

HOOK(task_execed);
SEC("tp_btf/sched_process_exec")
int task_execed(__u64 *ctx)
{
	struct linux_binprm *bprm = (struct linux_binprm *)ctx[2];

	FIRED(task_execed);
	return on_execed(BPF_CORE_READ(bprm, filename), ctx[1]);
}

SEC("tracepoint/sched/sched_process_exec")
int task_execed__tracepoint(struct trace_event_raw_sched_process_exec *ctx)
{
	FIRED(task_execed);
	return on_execed(DATA_LOC(ctx, filename), BPF_CORE_READ(ctx, old_pid));
}

#endif /* KMODLAB_REQUESTS_BPF_H */
