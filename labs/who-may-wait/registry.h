/* SPDX-License-Identifier: GPL-2.0 */
/* registry - what the module base offers to its plugins */
#ifndef REGISTRY_H
#define REGISTRY_H

void base_register(const char *name);

#endif
