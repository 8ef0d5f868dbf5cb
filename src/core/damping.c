/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A port that comes and goes is left alone for a while, as a route is that flaps (RFC 2439 §2.3): each loss adds to a penalty
 * that halves in PENALTY_HALF_LIFE; above PENALTY_HIGH the port is damped until it is below PENALTY_LOW. */
#include "core/internal.h"

/* Halved once for each half-life that has passed, and in a straight line within one. */
static unsigned decayed(unsigned penalty, uint64_t age_ns)
{
	uint64_t halvings = age_ns / PENALTY_HALF_LIFE, rest = age_ns % PENALTY_HALF_LIFE;

	if (halvings > 15)
		return 0;
	penalty >>= halvings;
	return penalty - (unsigned)(penalty * rest / (2 * PENALTY_HALF_LIFE));
}

unsigned damping_penalty(const struct core *core, const struct port *port)
{
	return port->penalty ? decayed(port->penalty, core->now - port->penalty_ns) : 0;
}

void damping_loss(struct core *core, struct port *port)
{
	unsigned penalty = damping_penalty(core, port) + PENALTY;

	port->penalty = penalty < PENALTY_MAX ? penalty : PENALTY_MAX;
	port->penalty_ns = core->now;
}

void damping_update(const struct core *core, const struct bond *bond, struct port *port)
{
	unsigned penalty = damping_penalty(core, port);

	if (!penalty)
		port->penalty = 0;
	if (bond->cfg.no_damping || penalty < PENALTY_LOW)
		port->damped = false;
	else if (penalty > PENALTY_HIGH)
		port->damped = true;
}

uint64_t damping_end(const struct port *port)
{
	uint64_t end = port->penalty_ns;
	uint64_t penalty = port->penalty;

	for (; penalty / 2 >= PENALTY_LOW; penalty /= 2)
		end += PENALTY_HALF_LIFE;
	if (penalty >= PENALTY_LOW) /* what is left to lose of the next halving; one more than needed, for it is rounded down */
		end += 2 * PENALTY_HALF_LIFE * (penalty - PENALTY_LOW + 1) / penalty + 1;
	return end;
}
