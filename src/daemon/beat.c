/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon/beat.h"

#include <stdio.h>

enum { TTL = 255 };

void beat_send(struct beats *beats, const struct keys *keys, const struct action_heartbeat *action)
{
	uint8_t bytes[HEARTBEAT_MAX];
	struct heartbeat message = *action->message;
	size_t length;

	message.key = keys_sending(keys);
	snprintf(message.software, sizeof message.software, "%s", STANDBYD_VERSION);
	length = heartbeat_begin(bytes, sizeof bytes, &message);
	for (unsigned i = 0; length && i < action->n_claims; i++)
		heartbeat_put_claim(bytes, sizeof bytes, &length, &action->claims[i]);
	if (length)
		length = heartbeat_finish(bytes, length);
	if (length && message.key)
		keys_sign(keys, &action->from, &action->to, bytes, length);
	if (length)
		beats_send(beats, action->path, &action->to, bytes, length);
}

static enum heartbeat_auth auth_of(enum keys_verdict verdict)
{
	switch (verdict) {
	case KEYS_RIGHT:
		return HEARTBEAT_SIGNED;
	case KEYS_WRONG:
		return HEARTBEAT_FORGED;
	case KEYS_UNKNOWN:
		return HEARTBEAT_KEYLESS;
	case KEYS_NONE:
		return HEARTBEAT_UNSIGNED;
	}
	return HEARTBEAT_FORGED;
}

static enum heartbeat_drop read_beat(const struct beat *beat, const struct config_path *path, struct heartbeat *message)
{
	if (beat->length > HEARTBEAT_MAX)
		return HEARTBEAT_TRUNCATED;
	if (!path->routed && beat->ttl != TTL)
		return HEARTBEAT_TTL;
	return heartbeat_decode(beat->bytes, beat->length, message);
}

bool beat_next(struct beats *beats, const struct keys *keys, const struct config_path *paths, struct heartbeat *message,
	       struct event *event)
{
	struct beat beat;

	if (!beats_next(beats, &beat))
		return false;
	*event = (struct event){ .type = EV_HEARTBEAT, .seen_ns = beat.seen_ns };
	event->u.heartbeat = (struct event_heartbeat){
		.path = beat.path, .ifindex = beat.ifindex, .source = beat.source,
		.drop = read_beat(&beat, &paths[beat.path], message), .message = message,
	};
	if (event->u.heartbeat.drop == HEARTBEAT_GOOD)
		event->u.heartbeat.auth = auth_of(keys_verify(keys, &beat.source, &paths[beat.path].address, beat.bytes, beat.length));
	return true;
}
