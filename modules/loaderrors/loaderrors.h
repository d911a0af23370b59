/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LOADERRORS_H
#define LOADERRORS_H

int le_shared_symbol(int x);
int le_hidden_symbol(int x);
int le_second_symbol(int x);

#endif
