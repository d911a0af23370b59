//go:build ignore

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * All programs are in one object, so that they share the rings and the counters.
 * The loader loads each program separately: if a kernel refuses one, only that
 * hook is lost.
 */
#include "births.bpf.h"
#include "parks.bpf.h"
#include "ends.bpf.h"
#include "requests.bpf.h"
#include "modules.bpf.h"
#include "works.bpf.h"
#include "signals.bpf.h"
#include "calls.bpf.h"
#include "faults.bpf.h"
#include "wakes.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * The compiler emits type information only for types that are used. These
 * declarations let TestLayout in tracer/event compare this layout with Go's.
 */
enum kind *layout_kind __attribute__((unused));
struct record *layout_record __attribute__((unused));
struct record_text *layout_text __attribute__((unused));
struct record_stack *layout_stack __attribute__((unused));
struct record_text_stack *layout_text_stack __attribute__((unused));
struct record_args *layout_args __attribute__((unused));
struct record_numbers *layout_numbers __attribute__((unused));
enum op *layout_op __attribute__((unused));
enum file_kind *layout_file_kind __attribute__((unused));
struct followed *layout_followed __attribute__((unused));
struct met *layout_met __attribute__((unused));
struct met_key *layout_met_key __attribute__((unused));
struct woken *layout_woken __attribute__((unused));
struct woken_key *layout_woken_key __attribute__((unused));
struct shape *layout_shape __attribute__((unused));
enum where *layout_where __attribute__((unused));
struct studied_module *layout_studied __attribute__((unused));
