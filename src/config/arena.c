/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 64 * 1024 - 64 };

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	alignas(max_align_t) unsigned char bytes[];
};

static struct arena_block *block_with_room(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->blocks;
	if (block && block->size - block->used >= size)
		return block;
	size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
	block = calloc(1, sizeof *block + room);
	if (!block)
		return NULL;
	block->size = room;
	block->next = arena->blocks;
	arena->blocks = block;
	return block;
}

void *arena_alloc(struct arena *arena, size_t count, size_t size)
{
	const size_t align = alignof(max_align_t);
	if (size && count > (SIZE_MAX / 4) / size) {
		arena->failed = true;
		return NULL;
	}
	size_t bytes = (count * size + align - 1) / align * align;
	struct arena_block *block = block_with_room(arena, bytes);
	if (!block) {
		arena->failed = true;
		return NULL;
	}
	void *memory = block->bytes + block->used;
	block->used += bytes;
	return memory;
}

char *arena_text(struct arena *arena, const char *text, size_t length)
{
	char *copy = arena_alloc(arena, length + 1, 1);
	if (copy && length)
		memcpy(copy, text, length);
	return copy;
}

const char *arena_format(struct arena *arena, const char *format, ...)
{
	char text[256];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	const char *copy = arena_text(arena, text, strlen(text));
	return copy ? copy : "";
}

void *arena_grow(struct arena *arena, void *array, size_t n, size_t size)
{
	/* the capacity is the power of two that n last crossed, so it need not be kept anywhere */
	if (n && (n & (n - 1)))
		return array;
	void *larger = arena_alloc(arena, n ? 2 * n : 1, size);
	if (larger && n)
		memcpy(larger, array, n * size);
	return larger;
}

void arena_free(struct arena *arena)
{
	while (arena->blocks) {
		struct arena_block *block = arena->blocks;
		arena->blocks = block->next;
		free(block);
	}
}
