/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wire/heartbeat.h"

#include <assert.h>

#include "wire/bytes.h"

enum { /* of the header */
	AT_MAGIC = 0,
	AT_VERSION = 4,
	AT_FLAGS = 5,
	AT_LENGTH = 6,
	AT_KEY = 8,
	AT_INTERVAL = 12,
	AT_LOST = 16,
	AT_INCARNATION = 20,
	AT_TO = 28,
	AT_SEQUENCE = 36,
	AT_DIGEST = 44,
	FLAG_GOODBYE = 1,
};

enum { ITEM_NODE = 1, ITEM_PATH, ITEM_HEARD, ITEM_CLAIMS, ITEM_SOFTWARE, ITEMS };

enum {
	ITEM_HEADER = 4,
	ID_SIZE = 6,
	HEARD_SIZE = 16,
	HEARD_AT_SEQUENCE = 8,
	CLAIMS_HEADER = 12,
	CLAIMS_AT_DIGEST = 4,
	CLAIM_SIZE = 10,
	CLAIM_AT_FLAGS = 6,
	CLAIM_AT_HEALTH = 7,
	CLAIM_AT_PRIORITY = 8,
	CLAIM_SUMMED = 9,
	CLAIM_AT_MORE = 9,
	CLAIM_VRRP = 1,
	CLAIM_STATE = 0x0f,
	CLAIM_VERDICT_SHIFT = 4,
	CLAIM_VERDICT = 3,
	CLAIM_ABLE = 0x40,
	CLAIM_HOLDING = 0x80,
};

static const uint8_t magic[4] = { 'S', 'B', 'H', 'B' };

/* ---- ids and sums ------------------------------------------------------------------------------------------------- */

uint64_t heartbeat_id(const char *name)
{
	return fnv1a(FNV1A_START, (const uint8_t *)name, strlen(name)) >> 16;
}

static void put_id(uint8_t *out, uint64_t id)
{
	bytes_put16(out, (uint16_t)(id >> 32));
	bytes_put32(out + 2, (uint32_t)id);
}

static uint64_t get_id(const uint8_t *in)
{
	return (uint64_t)bytes_get16(in) << 32 | bytes_get32(in + 2);
}

static void put_claim(uint8_t *out, const struct heartbeat_claim *claim)
{
	assert(claim->state <= VIP_FAULT && claim->verdict <= LAN_DEAD);
	put_id(out, claim->vip);
	out[CLAIM_AT_FLAGS] = (uint8_t)(claim->state | claim->verdict << CLAIM_VERDICT_SHIFT | (claim->able ? CLAIM_ABLE : 0) |
					(claim->holding ? CLAIM_HOLDING : 0));
	out[CLAIM_AT_HEALTH] = claim->health;
	out[CLAIM_AT_PRIORITY] = claim->priority;
	out[CLAIM_AT_MORE] = claim->vrrp ? CLAIM_VRRP : 0;
}

uint64_t heartbeat_claim_sum(const struct heartbeat_claim *claim)
{
	uint8_t bytes[CLAIM_SIZE];

	put_claim(bytes, claim);
	return fnv1a(FNV1A_START, bytes, CLAIM_SUMMED);
}

/* ---- writing ------------------------------------------------------------------------------------------------------ */

struct writer {
	uint8_t *out;
	size_t size, length;
	bool full;
};

/* The value of a new item, to be filled in; NULL: there is no room. */
static uint8_t *put_item(struct writer *w, unsigned type, size_t length)
{
	uint8_t *item = w->out + w->length;

	if (w->full || w->size - w->length < ITEM_HEADER + length) {
		w->full = true;
		return NULL;
	}
	bytes_put16(item, (uint16_t)type);
	bytes_put16(item + 2, (uint16_t)length);
	w->length += ITEM_HEADER + length;
	return item + ITEM_HEADER;
}

static void put_text(struct writer *w, unsigned type, const char *text)
{
	uint8_t *value = put_item(w, type, strlen(text));

	if (value)
		memcpy(value, text, strlen(text));
}

static void put_heard(struct writer *w, const struct heartbeat *message)
{
	uint8_t *value = put_item(w, ITEM_HEARD, message->n_heard * (size_t)HEARD_SIZE);

	for (unsigned i = 0; value && i < message->n_heard; i++, value += HEARD_SIZE) {
		put_id(value, message->heard[i].path);
		bytes_put16(value + ID_SIZE, 0);
		bytes_put64(value + HEARD_AT_SEQUENCE, message->heard[i].sequence);
	}
}

static bool is_range_right(const struct heartbeat *message)
{
	return message->interval_us >= HEARTBEAT_INTERVAL_MIN_US && message->interval_us <= HEARTBEAT_INTERVAL_MAX_US && message->lost &&
	       message->incarnation;
}

static void put_header(uint8_t *out, const struct heartbeat *message)
{
	memset(out, 0, HEARTBEAT_HEADER);
	memcpy(out + AT_MAGIC, magic, sizeof magic);
	out[AT_VERSION] = HEARTBEAT_VERSION;
	out[AT_FLAGS] = message->goodbye ? FLAG_GOODBYE : 0;
	bytes_put32(out + AT_KEY, message->key);
	bytes_put32(out + AT_INTERVAL, message->interval_us);
	out[AT_LOST] = message->lost;
	bytes_put64(out + AT_INCARNATION, message->incarnation);
	bytes_put64(out + AT_TO, message->to);
	bytes_put64(out + AT_SEQUENCE, message->sequence);
	bytes_put64(out + AT_DIGEST, message->digest);
}

static size_t room_for_tag(const uint8_t *out)
{
	return bytes_get32(out + AT_KEY) ? HEARTBEAT_TAG : 0;
}

size_t heartbeat_begin(uint8_t *out, size_t size, const struct heartbeat *message)
{
	size_t tag = message->key ? HEARTBEAT_TAG : 0;
	struct writer w = { .out = out, .length = HEARTBEAT_HEADER };
	uint8_t *claims;

	if (!is_range_right(message) || !message->node[0] || !message->path[0] || message->n_heard > HEARTBEAT_PATHS ||
	    size < HEARTBEAT_HEADER + tag)
		return 0;
	w.size = (size < HEARTBEAT_MAX ? size : HEARTBEAT_MAX) - tag;
	put_header(out, message);
	put_text(&w, ITEM_NODE, message->node);
	put_text(&w, ITEM_PATH, message->path);
	if (message->software[0])
		put_text(&w, ITEM_SOFTWARE, message->software);
	put_heard(&w, message);
	claims = put_item(&w, ITEM_CLAIMS, CLAIMS_HEADER);
	if (!claims)
		return 0;
	bytes_put16(claims, message->n_vips);
	bytes_put16(claims + 2, 0);
	bytes_put64(claims + CLAIMS_AT_DIGEST, message->claims_digest);
	bytes_put16(out + AT_LENGTH, (uint16_t)(claims - out)); /* where they are, until it is finished */
	return w.length;
}

bool heartbeat_put_claim(uint8_t *out, size_t size, size_t *length, const struct heartbeat_claim *claim)
{
	size_t end = (size < HEARTBEAT_MAX ? size : HEARTBEAT_MAX) - room_for_tag(out);

	if (end - *length < CLAIM_SIZE)
		return false;
	put_claim(out + *length, claim);
	*length += CLAIM_SIZE;
	return true;
}

size_t heartbeat_finish(uint8_t *out, size_t length)
{
	size_t claims = bytes_get16(out + AT_LENGTH), tag = room_for_tag(out);

	bytes_put16(out + claims - 2, (uint16_t)(length - claims));
	memset(out + length, 0, tag);
	bytes_put16(out + AT_LENGTH, (uint16_t)(length + tag));
	return length + tag;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static bool get_text(char *out, size_t size, const uint8_t *value, size_t length)
{
	if (length == 0 || length >= size || memchr(value, 0, length))
		return false;
	memcpy(out, value, length);
	out[length] = '\0';
	return true;
}

static void get_heard(struct heartbeat *message, const uint8_t *value, size_t length)
{
	for (; length >= HEARD_SIZE && message->n_heard < HEARTBEAT_PATHS; value += HEARD_SIZE, length -= HEARD_SIZE)
		message->heard[message->n_heard++] = (struct heartbeat_heard){ .path = get_id(value),
									       .sequence = bytes_get64(value + HEARD_AT_SEQUENCE) };
}

static void get_claims(struct heartbeat *message, const uint8_t *value, size_t length)
{
	if (length < CLAIMS_HEADER)
		return;
	message->n_vips = bytes_get16(value);
	message->claims_digest = bytes_get64(value + CLAIMS_AT_DIGEST);
	message->claims = value + CLAIMS_HEADER;
	message->n_claims = (unsigned)((length - CLAIMS_HEADER) / CLAIM_SIZE);
}

/* False: it is a name that is none. */
static bool get_item(struct heartbeat *message, unsigned type, const uint8_t *value, size_t length)
{
	switch (type) {
	case ITEM_NODE:
		return get_text(message->node, sizeof message->node, value, length);
	case ITEM_PATH:
		return get_text(message->path, sizeof message->path, value, length);
	case ITEM_HEARD:
		get_heard(message, value, length);
		return true;
	case ITEM_CLAIMS:
		get_claims(message, value, length);
		return true;
	case ITEM_SOFTWARE:
		if (!get_text(message->software, sizeof message->software, value, length))
			message->software[0] = '\0'; /* nobody decides by it */
		return true;
	}
	return true;
}

static enum heartbeat_drop get_items(struct heartbeat *message, const uint8_t *bytes, size_t length)
{
	unsigned seen = 0;
	bool named = true;

	while (length > 0) {
		unsigned type;
		size_t size;

		if (length < ITEM_HEADER)
			return HEARTBEAT_TRUNCATED;
		type = bytes_get16(bytes);
		size = bytes_get16(bytes + 2);
		if (length - ITEM_HEADER < size)
			return HEARTBEAT_TRUNCATED;
		if (type < ITEMS && !(seen >> type & 1)) {
			named = get_item(message, type, bytes + ITEM_HEADER, size) && named;
			seen |= 1U << type;
		}
		bytes += ITEM_HEADER + size;
		length -= ITEM_HEADER + size;
	}
	return named && message->node[0] && message->path[0] ? HEARTBEAT_GOOD : HEARTBEAT_NAMELESS;
}

enum heartbeat_drop heartbeat_decode(const uint8_t *bytes, size_t length, struct heartbeat *message)
{
	size_t tag;

	if (length < HEARTBEAT_HEADER || memcmp(bytes + AT_MAGIC, magic, sizeof magic) != 0)
		return HEARTBEAT_FOREIGN;
	tag = room_for_tag(bytes);
	if (bytes_get16(bytes + AT_LENGTH) != length || length < HEARTBEAT_HEADER + tag)
		return HEARTBEAT_TRUNCATED;
	*message = (struct heartbeat){
		.version = bytes[AT_VERSION],
		.goodbye = bytes[AT_FLAGS] & FLAG_GOODBYE,
		.key = bytes_get32(bytes + AT_KEY),
		.interval_us = bytes_get32(bytes + AT_INTERVAL),
		.lost = bytes[AT_LOST],
		.incarnation = bytes_get64(bytes + AT_INCARNATION),
		.to = bytes_get64(bytes + AT_TO),
		.sequence = bytes_get64(bytes + AT_SEQUENCE),
		.digest = bytes_get64(bytes + AT_DIGEST),
	};
	if (!is_range_right(message) || message->version == 0)
		return HEARTBEAT_RANGE;
	return get_items(message, bytes + HEARTBEAT_HEADER, length - HEARTBEAT_HEADER - tag);
}

bool heartbeat_claim_at(const struct heartbeat *message, unsigned n, struct heartbeat_claim *claim)
{
	const uint8_t *in = message->claims + (size_t)n * CLAIM_SIZE;
	uint8_t flags = in[CLAIM_AT_FLAGS];

	assert(n < message->n_claims);
	*claim = (struct heartbeat_claim){
		.vip = get_id(in),
		.state = flags & CLAIM_STATE,
		.verdict = flags >> CLAIM_VERDICT_SHIFT & CLAIM_VERDICT,
		.able = flags & CLAIM_ABLE,
		.holding = flags & CLAIM_HOLDING,
		.health = in[CLAIM_AT_HEALTH],
		.priority = in[CLAIM_AT_PRIORITY],
		.vrrp = in[CLAIM_AT_MORE] & CLAIM_VRRP,
	};
	return claim->state <= VIP_FAULT && claim->verdict <= LAN_DEAD;
}
