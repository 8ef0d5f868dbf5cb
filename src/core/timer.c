/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core/internal.h"

#include <stdlib.h>

const uint64_t announce_schedule[ANNOUNCE_STEPS] = {
	0, 10 * NSEC_PER_MSEC, 50 * NSEC_PER_MSEC, 200 * NSEC_PER_MSEC, NSEC_PER_SEC, 5 * NSEC_PER_SEC,
};

int heap_init(struct heap *heap, unsigned units)
{
	heap->due = calloc(units, sizeof *heap->due);
	heap->items = calloc(units, sizeof *heap->items);
	heap->where = calloc(units, sizeof *heap->where);
	heap->n = 0;
	return heap->due && heap->items && heap->where ? 0 : -1;
}

void heap_free(struct heap *heap)
{
	free(heap->due);
	free(heap->items);
	free(heap->where);
}

static void heap_place(struct heap *heap, unsigned at, uint32_t unit)
{
	heap->items[at] = unit;
	heap->where[unit] = at + 1;
}

static void heap_up(struct heap *heap, unsigned at)
{
	uint32_t unit = heap->items[at];

	while (at > 0) {
		unsigned parent = (at - 1) / 2;
		if (heap->due[heap->items[parent]] <= heap->due[unit])
			break;
		heap_place(heap, at, heap->items[parent]);
		at = parent;
	}
	heap_place(heap, at, unit);
}

static void heap_down(struct heap *heap, unsigned at)
{
	uint32_t unit = heap->items[at];

	for (;;) {
		unsigned child = 2 * at + 1;
		if (child >= heap->n)
			break;
		if (child + 1 < heap->n && heap->due[heap->items[child + 1]] < heap->due[heap->items[child]])
			child++;
		if (heap->due[unit] <= heap->due[heap->items[child]])
			break;
		heap_place(heap, at, heap->items[child]);
		at = child;
	}
	heap_place(heap, at, unit);
}

static void heap_remove(struct heap *heap, unsigned unit)
{
	unsigned at = heap->where[unit] - 1;
	uint32_t last = heap->items[--heap->n];

	heap->where[unit] = 0;
	if (last == unit)
		return;
	heap_place(heap, at, last);
	heap_up(heap, at);
	heap_down(heap, heap->where[last] - 1);
}

void heap_set(struct heap *heap, unsigned unit, uint64_t due)
{
	if (due == NEVER) {
		if (heap->where[unit])
			heap_remove(heap, unit);
		return;
	}
	if (!heap->where[unit]) {
		heap->due[unit] = due;
		heap_place(heap, heap->n++, unit);
	} else if (heap->due[unit] == due) {
		return;
	}
	heap->due[unit] = due;
	heap_up(heap, heap->where[unit] - 1);
	heap_down(heap, heap->where[unit] - 1);
}

uint64_t heap_first(const struct heap *heap, unsigned *unit)
{
	if (heap->n == 0)
		return NEVER;
	*unit = heap->items[0];
	return heap->due[heap->items[0]];
}

int queue_init(struct unit_queue *queue, unsigned units)
{
	queue->items = calloc(units, sizeof *queue->items);
	queue->queued = calloc(units, sizeof *queue->queued);
	queue->n = 0;
	return queue->items && queue->queued ? 0 : -1;
}

void queue_free(struct unit_queue *queue)
{
	free(queue->items);
	free(queue->queued);
}

void queue_add(struct unit_queue *queue, unsigned unit)
{
	if (queue->queued[unit])
		return;
	queue->queued[unit] = 1;
	queue->items[queue->n++] = unit;
}
