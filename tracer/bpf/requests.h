/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * request_module: asked, named, through the limiter, the helper queued, forked,
 * exec'd, waited for, and the value that the caller gets.
 */
#include "emit.h"

/* kprobe: __request_module is variadic, which fentry refuses. */
HOOK(request_asked);
SEC("kprobe/__request_module")
int request_asked(struct pt_regs *ctx)
{
	struct record_text_stack *r;

	FIRED(request_asked);
	r = new_text_stack(REQUEST_ASKED, ctx, (void *)BPF_CORE_READ(ctx, si));
	if (!r)
		return 0;
	r->r.arg = BPF_CORE_READ(ctx, di) & 0xff;
	SUBMIT(r);
	return 0;
}

HOOK(request_returned);
SEC("kretprobe/__request_module")
int request_returned(struct pt_regs *ctx)
{
	struct record *r;

	FIRED(request_returned);
	r = new_bare(REQUEST_RETURNED);
	if (!r)
		return 0;
	r->ret = (__s32)BPF_CORE_READ(ctx, ax);
	SUBMIT(r);
	return 0;
}

/* The formatted name, before the limiter of 50 concurrent requests. */
HOOK(request_named);
SEC("fentry/security_kernel_module_request")
int request_named(void *ctx)
{
	struct record_text *r;

	FIRED(request_named);
	r = new_text(REQUEST_NAMED, (void *)func_arg(ctx, 0));
	if (r)
		SUBMIT(r);
	return 0;
}

HOOK(request_admitted);
SEC("tp_btf/module_request")
int request_admitted(__u64 *ctx)
{
	struct record_text *r;

	FIRED(request_admitted);
	r = new_text(REQUEST_ADMITTED, (void *)ctx[0]);
	if (!r)
		return 0;
	r->r.arg = ctx[1] & 0xff;
	SUBMIT(r);
	return 0;
}

/* An array of strings that ends with NULL; what is cut or unread is empty. */
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
 * call_usermodehelper_exec rather than _setup: that one has seven arguments,
 * which fentry refuses on 6.1. Other users of helpers come here too (hotplug,
 * core dumps); the host tells them apart by the request that is open.
 */
HOOK(helper_queued);
SEC("fentry/call_usermodehelper_exec")
int helper_queued(void *ctx)
{
	struct subprocess_info *info = (struct subprocess_info *)func_arg(ctx, 0);
	struct record_args *r;

	FIRED(helper_queued);
	r = NEW_RECORD(record_args, HELPER_QUEUED, PART_TEXT | PART_ARGS | PART_ENV);
	if (!r)
		return 0;
	r->r.ptr = (__u64)info;
	r->r.arg = (__u32)func_arg(ctx, 1);
	if (bpf_probe_read_kernel_str(r->text, sizeof(r->text), BPF_CORE_READ(info, path)) < 0)
		r->text[0] = 0;
	fill_strings(r->args, ARGS_MAX, BPF_CORE_READ(info, argv));
	fill_strings(r->env, ENV_MAX, BPF_CORE_READ(info, envp));
	SUBMIT(r);
	return 0;
}

HOOK(helper_returned);
SEC("fexit/call_usermodehelper_exec")
int helper_returned(void *ctx)
{
	struct record *r;

	FIRED(helper_returned);
	r = new_bare(HELPER_RETURNED);
	if (!r)
		return 0;
	r->ptr = func_arg(ctx, 0);
	r->ret = (__s32)func_ret(ctx);
	SUBMIT(r);
	return 0;
}

/* Runs in the helper's own task, before it becomes a program. */
HOOK(helper_forked);
SEC("fentry/call_usermodehelper_exec_async")
int helper_forked(void *ctx)
{
	__u32 tgid = bpf_get_current_pid_tgid() >> 32, one = 1;
	struct record *r;

	FIRED(helper_forked);
	bpf_map_update_elem(&helpers, &tgid, &one, BPF_ANY);
	r = new_bare(HELPER_FORKED);
	if (!r)
		return 0;
	r->ptr = func_arg(ctx, 0);
	SUBMIT(r);
	return 0;
}

/*
 * The kworker that waits for a helper. Its status is the process's; the exit of
 * single threads says nothing when modprobe has several.
 */
HOOK(helper_waited);
SEC("fexit/kernel_wait")
int helper_waited(void *ctx)
{
	struct record *r;
	int status = 0;

	FIRED(helper_waited);
	r = new_bare(HELPER_WAITED);
	if (!r)
		return 0;
	r->arg = (__u32)func_arg(ctx, 0);
	bpf_probe_read_kernel(&status, sizeof(status), (void *)func_arg(ctx, 1));
	r->ret = status;
	SUBMIT(r);
	return 0;
}

HOOK(task_execed);
SEC("tp_btf/sched_process_exec")
int task_execed(__u64 *ctx)
{
	struct linux_binprm *bprm = (struct linux_binprm *)ctx[2];
	__u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct record_text *r;

	FIRED(task_execed);
	if (!bpf_map_lookup_elem(&helpers, &tgid))
		return 0;
	r = new_text(TASK_EXECED, BPF_CORE_READ(bprm, filename));
	if (r)
		SUBMIT(r);
	return 0;
}
