/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Everything that reads bytes from the network, on any bytes. Input: one byte that chooses the decoder, one that sets
 * its circumstances, then the packet. Besides not crashing: what was accepted must say the same when it is written
 * again.
 *
 * With a fuzzing engine: clang -fsanitize=fuzzer,address,undefined -Isrc tests/fuzz/fuzz_wire.c src/wire/[a-z]*.c
 * With -DFUZZ_STANDALONE: a program of its own. Files as arguments are replayed; -n COUNT -s SEED makes random inputs.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "wire/arp.h"
#include "wire/bytes.h"
#include "wire/checksum.h"
#include "wire/heartbeat.h"
#include "wire/nd.h"
#include "wire/vrrp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CHOICE_VRRP_4, CHOICE_VRRP_6, CHOICE_ARP, CHOICE_ND, CHOICE_ARP_ANSWER, CHOICE_ND_ANSWER, CHOICE_HEARTBEAT, CHOICES };
enum { WITH_RIGHT_SUM = 1, WITH_PLAIN_SUM = 2, WITH_WRONG_TTL = 4, TO_A_PEER = 8 };

/* Not assert: it must hold in any build. */
#define MUST(condition) ((condition) ? (void)0 : broken(#condition, __LINE__))

static void broken(const char *condition, int line)
{
	fprintf(stderr, "fuzz_wire.c:%d: does not hold: %s\n", line, condition);
	abort();
}

static const struct ip source_4 = { FAMILY_4, { 192, 0, 2, 11 } };
static const struct ip source_6 = { FAMILY_6, { 0xfe, 0x80, [15] = 1 } };

/* An accepted message, written again from what was read, is the same but for reserved bits and the sum over them. */
static void check_round_trip(const uint8_t *bytes, size_t length, const struct vrrp_meta *meta,
			     const struct vrrp_message *message)
{
	static struct ip addresses[UINT8_MAX];
	static uint8_t again[VRRP_MESSAGE_MAX];

	for (unsigned i = 0; i < message->n_addresses; i++)
		addresses[i] = vrrp_address(message, i);
	MUST(vrrp_encode(again, sizeof again, message->vrid ? message->vrid : 1, message->priority,
			 message->interval_cs, &meta->source, &meta->destination, addresses, message->n_addresses,
			 message->checksum) == length);
	again[1] = message->vrid;
	MUST(memcmp(again, bytes, 4) == 0);
	MUST(again[4] == (bytes[4] & 0x0f) && again[5] == bytes[5]);
	MUST(memcmp(again + 8, bytes + 8, length - 8) == 0);
	if (message->vrid && !(bytes[4] & 0xf0))
		MUST(bytes_get16(again + 6) == bytes_get16(bytes + 6) || bytes_get16(bytes + 6) == 0xffff ||
		     bytes_get16(bytes + 6) == 0);
}

static void check_round_trip_2(const uint8_t *bytes, size_t length, const struct vrrp_message *message)
{
	static struct ip addresses[UINT8_MAX];
	static uint8_t again[VRRP_MESSAGE_MAX];

	MUST(message->family == FAMILY_4 && message->auth == bytes + length - AUTH_SIZE && message->interval_cs % 100 == 0);
	for (unsigned i = 0; i < message->n_addresses; i++)
		addresses[i] = vrrp_address(message, i);
	MUST(vrrp_encode_2(again, sizeof again, message->vrid ? message->vrid : 1, message->priority, message->interval_cs / 100U,
			   message->auth, addresses, message->n_addresses) == length);
	MUST(memcmp(again + 8, bytes + 8, length - 8) == 0 && again[5] == bytes[5] && again[3] == bytes[3]);
	if (message->vrid && message->auth_type == VRRP_AUTH_PASSWORD)
		MUST(bytes_get16(again + 6) == bytes_get16(bytes + 6) || bytes_get16(bytes + 6) == 0xffff ||
		     bytes_get16(bytes + 6) == 0);
}

static void try_vrrp(const uint8_t *bytes, size_t length, const struct vrrp_meta *meta)
{
	struct vrrp_message message;
	enum drop_reason reason = vrrp_decode(bytes, length, meta, &message);

	MUST(reason < DROP_REASONS);
	if (reason != DROP_NONE)
		return;
	MUST(meta->ttl == VRRP_TTL && length <= VRRP_MESSAGE_MAX);
	MUST(message.n_addresses > 0);
	if (message.version == 2) {
		check_round_trip_2(bytes, length, &message);
		return;
	}
	MUST(message.version == 3 && message.interval_cs >= 1 && message.interval_cs <= 4095);
	check_round_trip(bytes, length, meta, &message);
}

/* A random sum is right once in 32,768 times; one that was made is needed to see what comes behind it. */
static void seal(uint8_t *bytes, size_t length, const struct vrrp_meta *meta, bool plain)
{
	if (length < VRRP_HEADER)
		return;
	bytes_put16(bytes + 6, 0);
	bytes_put16(bytes + 6,
		    plain ? checksum_plain(bytes, length)
			  : checksum_pseudo(bytes, length, &meta->source, &meta->destination, VRRP_PROTOCOL));
}

static void try_arp(const uint8_t *bytes, size_t length)
{
	struct arp_claim claim;

	if (!arp_decode(bytes, length, &claim))
		return;
	MUST(claim.ip.family == FAMILY_4 && length >= 28);
	MUST(memcmp(claim.ip.bytes, bytes + 14, 4) == 0 && memcmp(claim.mac, bytes + 8, MAC_SIZE) == 0);
	if (claim.announcement) {
		uint8_t frame[ARP_FRAME];

		arp_announcement(frame, bytes[7] == 1 ? ARP_FORM_REQUEST : ARP_FORM_REPLY, claim.mac, &claim.ip);
		MUST(memcmp(frame + 14, bytes, 18) == 0); /* all but the target's hardware address, which is free */
		MUST(memcmp(frame + 14 + 24, bytes + 24, 4) == 0);
	}
}

static void try_nd(const uint8_t *bytes, size_t length, int hop_limit)
{
	struct nd_claim claim;

	if (!nd_decode(bytes, length, hop_limit, &claim))
		return;
	MUST(hop_limit == 255 && length >= 24 && length % 8 == 0);
	MUST(claim.ip.family == FAMILY_6 && memcmp(claim.ip.bytes, bytes + 8, 16) == 0);
}

/* Makes the sum of an ICMPv6 message right that lies behind Ethernet and IPv6 headers, with one tag or none. */
static void seal_frame(uint8_t *frame, size_t length)
{
	struct ip from = { .family = FAMILY_6 }, to = { .family = FAMILY_6 };
	struct ethernet header;
	size_t at = ethernet_get(frame, length, &header), size;
	uint8_t *ipv6 = frame + at;

	if (!at || length - at < 40 + 4)
		return;
	size = bytes_get16(ipv6 + 4);
	if (size < 4 || size > length - at - 40)
		return;
	memcpy(from.bytes, ipv6 + 8, 16);
	memcpy(to.bytes, ipv6 + 24, 16);
	bytes_put16(ipv6 + 42, 0);
	bytes_put16(ipv6 + 42, checksum_pseudo(ipv6 + 40, size, &from, &to, 58));
}

/* Makes the frame of a question into its answer; returns the length. */
static size_t make_arp_answer(uint8_t *frame, const uint8_t to[MAC_SIZE], const struct ip *target, uint16_t vlan)
{
	static const struct ip nobody;
	size_t length = arp_request(frame, to, &nobody, target, vlan);
	uint8_t *body = frame + length - 28;

	memcpy(frame, to, MAC_SIZE);
	body[7] = 2;
	memcpy(body + 14, target->bytes, 4);
	return length;
}

static size_t make_nd_answer(uint8_t *frame, const uint8_t to[MAC_SIZE], const struct ip *target, uint16_t vlan)
{
	static const struct ip nobody;
	size_t length = nd_solicitation(frame, to, &nobody, target, vlan);
	uint8_t *message = frame + length - ND_ADVERT;

	memcpy(frame, to, MAC_SIZE);
	memcpy(message - 16, message - 32, 16); /* back to who asked */
	message[0] = 136;
	message[4] = 0x60;
	message[24] = 2;
	seal_frame(frame, length);
	return length;
}

/* What was accepted is what a question for it, answered, says. */
static void try_answer(const uint8_t *bytes, size_t length, bool nd)
{
	struct answer answer, again;
	uint8_t frame[ND_SOLICITATION_MAX];
	size_t size;

	if (!(nd ? nd_decode_answer(bytes, length, &answer) : arp_decode_answer(bytes, length, &answer)))
		return;
	MUST(length >= (size_t)(nd ? 14 + 40 + 24 : ARP_FRAME) && answer.vlan <= VLAN_MAX);
	MUST(answer.target.family == (nd ? FAMILY_6 : FAMILY_4) && memcmp(answer.to, bytes, MAC_SIZE) == 0);
	if (nd) {
		size = make_nd_answer(frame, answer.to, &answer.target, answer.vlan);
		MUST(nd_decode_answer(frame, size, &again) && !arp_decode_answer(frame, size, &again));
	} else {
		size = make_arp_answer(frame, answer.to, &answer.target, answer.vlan);
		MUST(arp_decode_answer(frame, size, &again) && !nd_decode_answer(frame, size, &again));
	}
	MUST(ip_equal(&again.target, &answer.target) && again.vlan == answer.vlan);
	MUST(memcmp(again.to, answer.to, MAC_SIZE) == 0);
}

/* What was accepted says the same when it is written again, and read again. */
static void try_heartbeat(const uint8_t *bytes, size_t length)
{
	struct heartbeat message, again;
	struct heartbeat_claim claim, other;
	uint8_t out[HEARTBEAT_MAX];
	size_t size;
	unsigned n = 0;

	if (heartbeat_decode(bytes, length, &message) != HEARTBEAT_GOOD)
		return;
	size = heartbeat_begin(out, sizeof out, &message);
	MUST(size > 0);
	for (unsigned i = 0; i < message.n_claims; i++) {
		if (heartbeat_claim_at(&message, i, &claim) && heartbeat_put_claim(out, sizeof out, &size, &claim))
			n++;
	}
	size = heartbeat_finish(out, size);
	MUST(size <= sizeof out && heartbeat_decode(out, size, &again) == HEARTBEAT_GOOD && again.n_claims == n);
	MUST(again.sequence == message.sequence && again.digest == message.digest && again.n_heard == message.n_heard);
	MUST(memcmp(again.heard, message.heard, sizeof again.heard) == 0 && memcmp(again.node, message.node, sizeof again.node) == 0);
	for (unsigned i = 0; i < n && n == message.n_claims; i++)
		MUST(heartbeat_claim_at(&message, i, &claim) && heartbeat_claim_at(&again, i, &other) &&
		     heartbeat_claim_sum(&claim) == heartbeat_claim_sum(&other) && claim.vrrp == other.vrrp);
}

#ifdef FUZZ_STANDALONE

#include <sys/mman.h>
#include <unistd.h>

enum { ROOM = 64 * 1024 };

/* Memory of just this length, with a page behind it that may not be touched. */
static uint8_t *exact_copy(const uint8_t *data, size_t size)
{
	static uint8_t *end;

	if (!end) {
		size_t page = (size_t)sysconf(_SC_PAGESIZE);
		uint8_t *room = mmap(NULL, ROOM + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		MUST(room != MAP_FAILED && mprotect(room + ROOM, page, PROT_NONE) == 0);
		end = room + ROOM;
	}
	MUST(size <= ROOM);
	return size ? memcpy(end - size, data, size) : end;
}

static void exact_free(uint8_t *bytes)
{
	(void)bytes;
}

#else

static uint8_t *exact_copy(const uint8_t *data, size_t size)
{
	uint8_t *bytes = malloc(size ? size : 1);

	MUST(bytes);
	if (size)
		memcpy(bytes, data, size);
	return bytes;
}

static void exact_free(uint8_t *bytes)
{
	free(bytes);
}

#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vrrp_meta meta = { source_4, vrrp_group_4, VRRP_TTL };
	uint8_t choice, how, *bytes;

	if (size < 2)
		return 0;
	choice = data[0] % CHOICES;
	how = data[1];
	size -= 2;
	bytes = exact_copy(data + 2, size);
	if (how & WITH_WRONG_TTL)
		meta.ttl = how - 1;

	switch (choice) {
	case CHOICE_VRRP_6:
		meta.source = source_6;
		meta.destination = vrrp_group_6;
		/* fall through */
	case CHOICE_VRRP_4:
		if (how & WITH_RIGHT_SUM)
			seal(bytes, size, &meta, how & WITH_PLAIN_SUM);
		if (how & TO_A_PEER) /* its sum has the group's address now, or is none */
			meta.destination = meta.source;
		try_vrrp(bytes, size, &meta);
		break;
	case CHOICE_ARP:
		try_arp(bytes, size);
		break;
	case CHOICE_ND:
		try_nd(bytes, size, meta.ttl);
		break;
	case CHOICE_ARP_ANSWER:
		try_answer(bytes, size, false);
		break;
	case CHOICE_ND_ANSWER:
		if (how & WITH_RIGHT_SUM)
			seal_frame(bytes, size);
		try_answer(bytes, size, true);
		break;
	case CHOICE_HEARTBEAT:
		if (how & WITH_RIGHT_SUM && size >= HEARTBEAT_HEADER)
			bytes_put16(bytes + 6, (uint16_t)size);
		try_heartbeat(bytes, size);
		break;
	}
	exact_free(bytes);
	return 0;
}

#ifdef FUZZ_STANDALONE

enum { INPUT_MAX = 2 + HEARTBEAT_MAX + 1, DEFAULT_COUNT = 200000 };

static uint64_t seed = 1;

static unsigned random_below(unsigned limit)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)((seed >> 11) % limit);
}

static size_t make_heartbeat(uint8_t *out)
{
	struct heartbeat message = { .interval_us = 100000, .lost = 3, .incarnation = 1, .node = "lb1", .path = "lan",
				     .key = random_below(2), .n_heard = random_below(HEARTBEAT_PATHS + 1) };
	size_t length = heartbeat_begin(out, HEARTBEAT_MAX, &message);

	for (unsigned n = random_below(random_below(4) ? 8 : HEARTBEAT_CLAIMS + 1); n > 0; n--) {
		struct heartbeat_claim claim = { .vip = random_below(64), .state = (uint8_t)random_below(VIP_FAULT + 1),
						 .verdict = (uint8_t)random_below(LAN_DEAD + 1), .able = random_below(2),
						 .holding = random_below(2), .vrrp = random_below(2),
						 .health = (uint8_t)random_below(256), .priority = (uint8_t)random_below(256) };
		MUST(heartbeat_put_claim(out, HEARTBEAT_MAX, &length, &claim));
	}
	return heartbeat_finish(out, length);
}

/* A right packet of each kind: what random changes start from. */
static size_t make_valid(uint8_t choice, uint8_t *out)
{
	struct ip list[8] = { source_6 };
	uint8_t frame[ND_FRAME], mac[MAC_SIZE] = { 2, 0, 0, 0, 0, 1 };
	unsigned n = 1 + random_below(8);

	for (unsigned i = 0; i < n; i++)
		list[i] = choice == CHOICE_VRRP_6 ? source_6 : source_4;
	switch (choice) {
	case CHOICE_VRRP_4:
		if (random_below(3) == 0)
			return vrrp_encode_2(out, INPUT_MAX - 2, 51, 100, 1 + random_below(255),
					     random_below(2) ? (const uint8_t *)"password" : NULL, list, n);
		return vrrp_encode(out, INPUT_MAX - 2, 51, 100, 100, &source_4, &vrrp_group_4, list, n,
				   random_below(2) ? VRRP_CHECKSUM_RFC5798 : VRRP_CHECKSUM_RFC9568);
	case CHOICE_VRRP_6:
		return vrrp_encode(out, INPUT_MAX - 2, 51, 100, 100, &source_6, &vrrp_group_6, list, n,
				   VRRP_CHECKSUM_RFC5798);
	case CHOICE_ARP:
		arp_announcement(frame, random_below(2) ? ARP_FORM_REQUEST : ARP_FORM_REPLY, mac, &source_4);
		memcpy(out, frame + 14, 28);
		return 28;
	case CHOICE_ND:
		nd_announcement(frame, mac, &source_6, random_below(2));
		memcpy(out, frame + 54, ND_ADVERT);
		return ND_ADVERT;
	case CHOICE_ARP_ANSWER:
		return make_arp_answer(out, mac, &source_4, (uint16_t)(random_below(2) * random_below(VLAN_MAX + 1)));
	case CHOICE_ND_ANSWER:
		return make_nd_answer(out, mac, &source_6, (uint16_t)(random_below(2) * random_below(VLAN_MAX + 1)));
	case CHOICE_HEARTBEAT:
		return make_heartbeat(out);
	}
	return 0;
}

/* Pure noise one time in four; else a right packet with a few bytes changed and, at times, another length. */
static size_t make_input(uint8_t input[INPUT_MAX])
{
	size_t length;

	input[0] = (uint8_t)random_below(CHOICES);
	input[1] = (uint8_t)(random_below(8) ? random_below(4) | (random_below(4) ? 0 : TO_A_PEER) : random_below(256));
	if (random_below(4) == 0) {
		length = random_below(INPUT_MAX - 1);
		for (size_t i = 0; i < length; i++)
			input[2 + i] = (uint8_t)random_below(256);
		return 2 + length;
	}
	length = make_valid(input[0], input + 2);
	if (random_below(4) == 0) {
		size_t other = random_below(INPUT_MAX - 1);

		if (other > length)
			memset(input + 2 + length, (int)random_below(3), other - length);
		length = other;
	}
	for (unsigned changes = random_below(4); changes > 0 && length > 0; changes--)
		input[2 + random_below((unsigned)length)] = (uint8_t)random_below(random_below(2) ? 8 : 256);
	return 2 + length;
}

static int replay(const char *path)
{
	static uint8_t input[ROOM];
	FILE *file = fopen(path, "rb");
	size_t size;

	if (!file) {
		perror(path);
		return 1;
	}
	size = fread(input, 1, sizeof input, file);
	fclose(file);
	LLVMFuzzerTestOneInput(input, size);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long count = DEFAULT_COUNT;
	uint8_t input[INPUT_MAX];
	int option, failed = 0;

	while ((option = getopt(argc, argv, "n:s:")) != -1) {
		if (option == 'n')
			count = strtoul(optarg, NULL, 10);
		else if (option == 's')
			seed = strtoull(optarg, NULL, 10) | 1ULL << 63; /* never zero */
		else
			return 2;
	}
	for (int i = optind; i < argc; i++)
		failed |= replay(argv[i]);
	if (optind < argc)
		return failed;
	printf("%lu inputs, seed %llu\n", count, (unsigned long long)seed);
	for (; count > 0; count--)
		LLVMFuzzerTestOneInput(input, make_input(input));
	return 0;
}

#endif
