# SPDX-License-Identifier: MIT
#
# The kernel's makefiles ask the compiler about some thirty options, again in each make: try-run starts a shell, the
# compiler, the assembler and rm, which is two thirds of all processes of a small build. The compiler in a kernel's
# toolchain does not change: what it accepted once, it accepts again. What it rejected is asked again, since that may
# have had another reason (memory, a signal).
#
# make reads this file before all others (MAKEFILES). override keeps the kernel's own try-run from replacing this one;
# kmodlab-own, which comes before it, is a copy of the kernel's. $(1) is the command, $(2) the answer if it succeeds,
# $(3) the answer if not.

kmodlab-space := $(subst ,, )
kmodlab-word = $(subst %,⁒,$(subst $(kmodlab-space),␣,$(1)))

# kmodlab-notes is the file in which to note what the compiler accepted, empty for none.
kmodlab-note = $(if $(kmodlab-notes),$(if $(1),$(file >>$(kmodlab-notes),$(call kmodlab-word,$(2)))))$(1)
kmodlab-took = $(or $(filter $(call kmodlab-word,$(1)),$(kmodlab-known)),\
	$(call kmodlab-note,$(call kmodlab-own,$(1),y,),$(1)))

override try-run = $(if $(call kmodlab-took,$(1)),$(2),$(3))

# Whoever looks for the first makefile does not mean this one.
MAKEFILE_LIST :=
