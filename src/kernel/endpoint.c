/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/endpoint.h"

#include <netinet/in.h>
#include <string.h>

int endpoint_set(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof value);
}

socklen_t endpoint_of(const struct ip *ip, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

	memset(out, 0, sizeof *out);
	memcpy(&in4.sin_addr, ip->bytes, sizeof in4.sin_addr);
	memcpy(&in6.sin6_addr, ip->bytes, sizeof in6.sin6_addr);
	if (ip->family == FAMILY_6)
		memcpy(out, &in6, sizeof in6);
	else
		memcpy(out, &in4, sizeof in4);
	return ip->family == FAMILY_6 ? sizeof in6 : sizeof in4;
}

struct ip endpoint_ip(const struct sockaddr_storage *from)
{
	struct ip ip = {.family = from->ss_family == AF_INET6 ? FAMILY_6 : FAMILY_4};

	if (ip.family == FAMILY_6)
		memcpy(ip.bytes, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
	else
		memcpy(ip.bytes, &((const struct sockaddr_in *)from)->sin_addr, 4);
	return ip;
}
