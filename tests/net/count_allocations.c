/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loaded before libc into a daemon under test: counts what it allocates, and the packets that it sends and receives, in the file that
 * $COUNT_ALLOCATIONS names (struct counts, in the machine's byte order). What the C library does for itself is not counted. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct counts {
	uint64_t allocations, sent, received;
};

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *from, size_t size);

static struct counts nowhere, *counts = &nowhere;

static void add(uint64_t *count, long n)
{
	if (n > 0)
		__atomic_fetch_add(count, (uint64_t)n, __ATOMIC_RELAXED);
}

void *malloc(size_t size)
{
	add(&counts->allocations, 1);
	return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
	add(&counts->allocations, 1);
	return __libc_calloc(n, size);
}

void *realloc(void *from, size_t size)
{
	add(&counts->allocations, 1);
	return __libc_realloc(from, size);
}

/* libc's own. */
static struct {
	__typeof__(&sendmmsg) sendmmsg;
	__typeof__(&recvmmsg) recvmmsg;
	__typeof__(&sendto) sendto;
	__typeof__(&recvmsg) recvmsg;
} next;

int sendmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags)
{
	int sent = next.sendmmsg(fd, messages, n, flags);

	add(&counts->sent, sent);
	return sent;
}

int recvmmsg(int fd, struct mmsghdr *messages, unsigned n, int flags, struct timespec *timeout)
{
	int received = next.recvmmsg(fd, messages, n, flags, timeout);

	add(&counts->received, received);
	return received;
}

ssize_t sendto(int fd, const void *bytes, size_t length, int flags, const struct sockaddr *to, socklen_t size)
{
	ssize_t sent = next.sendto(fd, bytes, length, flags, to, size);

	add(&counts->sent, sent > 0);
	return sent;
}

ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
	ssize_t length = next.recvmsg(fd, message, flags);

	add(&counts->received, length > 0);
	return length;
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("COUNT_ALLOCATIONS");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		abort();
	counts = map;
	close(fd);
	next.sendmmsg = (__typeof__(next.sendmmsg))dlsym(RTLD_NEXT, "sendmmsg");
	next.recvmmsg = (__typeof__(next.recvmmsg))dlsym(RTLD_NEXT, "recvmmsg");
	next.sendto = (__typeof__(next.sendto))dlsym(RTLD_NEXT, "sendto");
	next.recvmsg = (__typeof__(next.recvmsg))dlsym(RTLD_NEXT, "recvmsg");
}
