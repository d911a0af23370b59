/* SPDX-License-Identifier: GPL-2.0 */
#ifndef COUNTER_H
#define COUNTER_H

/* counter_next - the next number, from 1; each number is given out once */
int counter_next(void);

#endif /* COUNTER_H */
