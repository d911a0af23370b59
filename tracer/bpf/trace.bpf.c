//go:build ignore

// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
/*
 * One object for all programs, so that they share the rings and the counters.
 * The loader takes each program by itself: one that a kernel refuses costs
 * that hook only.
 */
#include "births.h"
#include "parks.h"
#include "ends.h"
#include "requests.h"
#include "modules.h"
#include "works.h"
#include "signals.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * Type information reaches the object only for what something names: these let
 * TestLayout in tracer/event compare the record's layout with Go's.
 */
enum kind *layout_kind __attribute__((unused));
struct record *layout_record __attribute__((unused));
struct record_text *layout_text __attribute__((unused));
struct record_stack *layout_stack __attribute__((unused));
struct record_text_stack *layout_text_stack __attribute__((unused));
struct record_args *layout_args __attribute__((unused));
struct studied_module *layout_studied __attribute__((unused));
