/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of src/kernel share: two network namespaces and a veth pair, v0 here and v1 at the peer, and waiting for
 * results with a deadline. The machine's own network is never touched: the program leaves it first. */
#ifndef STANDBYD_TESTS_KERNEL_LAB_H
#define STANDBYD_TESTS_KERNEL_LAB_H

#include "kernel/applier.h"
#include "kernel/netlink.h"

enum { V0 = 101, V1 = 202, DEADLINE_MS = 20000 };

/* Group set-up: makes both namespaces, and a user namespace where it is not root; exits with 77 when it may not. */
int lab_open(void **state);
int lab_close(void **state);

/* A fresh pair, both ends up and with carrier, no address but 10.9.0.1/24 on v0 and 10.9.0.2/24 on v1. */
int lab_pair(void **state);

/* A shell command that must succeed (…_peer: in the peer's namespace). */
void lab_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
void lab_run_peer(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool lab_try(const char *command);

void lab_enter_peer(void);
void lab_leave_peer(void);

/* Fails the test when fd does not become readable before the deadline. */
void lab_wait(int fd);

/* One action and its answer; text (may be NULL) of at least 256 bytes. */
struct event lab_do(struct applier *, const struct action *, char *text);
/* The same, and it must be done. */
void lab_must(struct applier *, const struct action *);
/* The same, and it must be refused with that errno (0: any); the kernel's words are returned until the next call. */
const char *lab_refused(struct applier *, const struct action *, int error);
/* The next result of the applier. */
struct event lab_result(struct applier *);

/* The n-th of many addresses, 10.77.(n / 250).(n % 250 + 1). */
struct ip lab_ip(unsigned n);
struct action lab_address(enum action_type, unsigned n);
struct action lab_link(enum action_type, int ifindex);

uint64_t lab_now(void);

#endif
