# SPDX-License-Identifier: MIT
#
# Makefiles of the kernel ask the compiler of some thirty options whether it
# knows them, anew in each make: try-run starts a shell, the compiler, the
# assembler and rm, which is two thirds of all processes of a small build. The
# compiler of a kernel's toolchain does not change: what it took once, it takes
# again. What it did not take is asked again, as that may have had another reason
# (memory, a signal).
#
# make reads this file before all others (MAKEFILES). override keeps the
# kernel's own try-run from taking the place of this one; kmodlab-own, which
# stands above, is a copy of it. $(1) is the command, $(2) what to answer when it
# succeeds, $(3) when not.

kmodlab-space := $(subst ,, )
kmodlab-word = $(subst %,⁒,$(subst $(kmodlab-space),␣,$(1)))

# kmodlab-notes is where to note what the compiler took, empty where not to.
kmodlab-note = $(if $(kmodlab-notes),$(if $(1),$(file >>$(kmodlab-notes),$(call kmodlab-word,$(2)))))$(1)
kmodlab-took = $(or $(filter $(call kmodlab-word,$(1)),$(kmodlab-known)),$(call kmodlab-note,$(call kmodlab-own,$(1),y,),$(1)))

override try-run = $(if $(call kmodlab-took,$(1)),$(2),$(3))

# Who looks for the first makefile does not mean this one.
MAKEFILE_LIST :=
