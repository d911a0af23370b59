/* SPDX-License-Identifier: GPL-2.0 */
/*
 * held_by_get.h - what held_by_get_lib exports
 */
#ifndef HELD_BY_GET_H
#define HELD_BY_GET_H

int held_by_get_answer(void);

#endif /* HELD_BY_GET_H */
