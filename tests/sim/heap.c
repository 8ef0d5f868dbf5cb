/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "sim.h"

static bool heap_before(const struct happening *a, const struct happening *b)
{
	return a->time < b->time || (a->time == b->time && a->order < b->order);
}

void heap_push(struct heap *h, struct happening x)
{
	size_t i = h->n++;

	if (h->n > h->size) {
		h->size = h->size ? h->size * 2 : 1024;
		h->items = realloc(h->items, h->size * sizeof *h->items);
		if (!h->items) {
			perror("sim");
			exit(2);
		}
	}
	x.order = h->order++;
	while (i > 0) {
		size_t parent = (i - 1) / 4;

		if (!heap_before(&x, &h->items[parent]))
			break;
		h->items[i] = h->items[parent];
		i = parent;
	}
	h->items[i] = x;
}

bool heap_pop(struct heap *h, struct happening *out)
{
	struct happening last;
	size_t i = 0;

	if (!h->n)
		return false;
	*out = h->items[0];
	last = h->items[--h->n];
	for (;;) {
		size_t child = i * 4 + 1, best = child;

		if (child >= h->n)
			break;
		for (size_t c = child + 1; c < child + 4 && c < h->n; c++)
			if (heap_before(&h->items[c], &h->items[best]))
				best = c;
		if (!heap_before(&h->items[best], &last))
			break;
		h->items[i] = h->items[best];
		i = best;
	}
	h->items[i] = last;
	return true;
}
