// SPDX-License-Identifier: MIT

package course

// Field is a field of lab.yaml.
type Field struct {
	Path string // checks[].points; NAME stands for any name
	Text string // what it says, and its default
}

// Fields are all fields of lab.yaml, in the order in which people write them.
func Fields() []Field {
	return []Field{
		{"title", "what the lab is called"},
		{"number", "its place in the course, from 1: lists of labs are in this order"},
		{"learn", "what students know afterwards, a sentence each"},
		{"kernels", "kernels on which the lab runs; default: all that kmodlab is tested on"},
		{"modules", "modules that a scenario loads if it does not say; default: all of the folder"},
		{"help", "level of help at which the starter is cut, 1 to 3; default 1: the TODOs alone"},
		{"points", "points of the whole lab, if they are to be compared with the sum of the checks'"},
		{"files.student", "patterns of the files that students hand in; default: those with a marker"},
		{"files.lecturer", "patterns of files that students do not get"},
		{"scenarios.NAME", "a run of the modules; default: one that loads and unloads them"},
		{"scenarios.NAME.load", "modules to load"},
		{"scenarios.NAME.params", "MODULE.PARAM=VALUE"},
		{"scenarios.NAME.for", "how long the modules stay loaded: 500ms, 2s"},
		{"scenarios.NAME.tests[].run", "a program of the lab that runs beside the modules, with its arguments"},
		{"scenarios.NAME.tests[].env", "its variables"},
		{"scenarios.NAME.tests[].user", "as whom it runs; default: root"},
		{"scenarios.NAME.tests[].timeout", "how long it may take"},
		{"scenarios.NAME.files", "files of the lab that the programs find: SRC or SRC:DST"},
		{"scenarios.NAME.repeat", "how often the scenario runs, 1 to 1000; default 1"},
		{"scenarios.NAME.seed", "a number that decides what differs from one repetition to the next"},
		{"scenarios.NAME.world.modprobe", "present (default), missing, or disabled: the kernel has no path to it"},
		{"scenarios.NAME.world.absent", "modules that cannot be found"},
		{"scenarios.NAME.world.fail.call", "a function of the kernel that fails when the modules call it"},
		{"scenarios.NAME.world.fail.nth", "which of its calls fails; default 1, the first"},
		{"scenarios.NAME.world.fail.module", "whose calls count; default: the only module that is loaded"},
		{"scenarios.NAME.world.target_exits", "NAME[#N][@MODULE]: the task that ends just before the module's first or N-th use of it"},
		{"scenarios.NAME.kernels", "kernels of the lab on which the scenario runs; default: all"},
		{"checks[].id", "short name: a-z, 0-9, - and _; builds is the first check of every lab"},
		{"checks[].title", "a sentence that says what must be so"},
		{"checks[].check", "an expression over the result, or a list of which all must hold"},
		{"checks[].scenarios", "scenarios in which it must hold; default: all"},
		{"checks[].points", "whole points; default 0"},
		{"checks[].partial[].points", "points for less, fewer than the check's: the first that holds counts"},
		{"checks[].partial[].check", "what must hold for them"},
		{"checks[].hint", "what helps if the check fails; students of a visible check read it"},
		{"checks[].visibility", "visible (default), hidden, or after-due: seen when nobody can hand in any more"},
		{"checks[].needs", "ids of checks without which this one is skipped"},
		{"checks[].kernels", "kernels of the lab on which it is checked; default: all"},
		{"checks[].file", "the student's file that it is about"},
		{"broken.NAME.title", "what is wrong with the variant of broken/NAME.patch"},
		{"broken.NAME.fails.ID", "a check that must fail for it: a regular expression that the reason matches"},
		{"broken.NAME.why", "why somebody would write that, and what comes of it"},
		{"broken.NAME.kernels", "kernels of the lab on which it is a fault; default: all"},
	}
}
