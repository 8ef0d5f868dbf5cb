/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of a story's input lines (tests/unit/golden/README). */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/text.h"
#include "config/load.h"
#include "core/trace.h"
#include "golden.h"

struct words {
	char *word[GOLDEN_WORDS];
	unsigned n;
};

static bool wrong(struct golden *g, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool wrong(struct golden *g, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(g->error, sizeof g->error, format, ap);
	va_end(ap);
	return false;
}

static bool has(const struct words *w, const char *word)
{
	for (unsigned i = 1; i < w->n; i++)
		if (strcmp(w->word[i], word) == 0)
			return true;
	return false;
}

/* The word after `key`, NULL: not there. */
static const char *after(const struct words *w, const char *key)
{
	for (unsigned i = 1; i + 1 < w->n; i++)
		if (strcmp(w->word[i], key) == 0)
			return w->word[i + 1];
	return NULL;
}

static int errno_named(const char *name)
{
	static const struct {
		const char *name;
		int number;
	} all[] = {
		{ "EPERM", EPERM },   { "EBUSY", EBUSY },
		{ "EINVAL", EINVAL }, { "ENOBUFS", ENOBUFS },
		{ "ENOMEM", ENOMEM }, { "ENODEV", ENODEV },
		{ "EEXIST", EEXIST }, { "EADDRNOTAVAIL", EADDRNOTAVAIL },
		{ "EIO", EIO },	      { "ENETDOWN", ENETDOWN },
		{ "EAGAIN", EAGAIN }, { "EOPNOTSUPP", EOPNOTSUPP },
	};

	for (size_t i = 0; name && i < sizeof all / sizeof all[0]; i++)
		if (strcmp(all[i].name, name) == 0)
			return all[i].number;
	return 0;
}

static enum action_type action_named(const char *name)
{
	enum action_type type = ACT_ADVERT;

	while (type < ACT_TYPES && strcmp(action_type_name(type), name) != 0)
		type++;
	return type;
}

/* ---- the daemon's life ---- */

static struct config *load(struct golden *g)
{
	char path[512], text[2048];
	struct config *config;
	FILE *f, *diagnostics;
	size_t n;

	snprintf(path, sizeof path, "%s/story.yaml", g->directory);
	f = fopen(path, "w");
	if (!f || !g->yaml) {
		wrong(g, "no configuration, or %s cannot be written", path);
		return NULL;
	}
	fputs(g->yaml, f);
	fclose(f);
	diagnostics = tmpfile();
	config = config_load(path, diagnostics);
	rewind(diagnostics);
	n = fread(text, 1, sizeof text - 1, diagnostics);
	text[n] = 0;
	if (!config)
		fputs(text, stderr);
	fclose(diagnostics);
	unlink(path);
	if (!config)
		wrong(g, "the configuration is refused");
	return config;
}

static bool word_start(struct golden *g)
{
	struct event go = { .type = EV_CONTINUE };

	if (g->core)
		return wrong(g, "it runs already");
	g->config = load(g);
	if (!g->config)
		return false;
	g->core = core_new(1);
	if (!g->core || core_configure(g->core, g->config, g->now) != 0)
		return wrong(g, "core_configure refuses");
	for (unsigned i = 0; i < g->n_early; i++)
		golden_feed(g, &g->early[i]);
	g->n_early = 0;
	golden_feed(g, &go);
	return true;
}

static bool word_reload(struct golden *g)
{
	struct event go = { .type = EV_CONTINUE };
	struct config *config = load(g);

	if (!config || !g->core)
		return config ? wrong(g, "nothing runs") : false;
	config_free(g->old);
	g->old = g->config;
	g->config = config;
	if (core_configure(g->core, g->config, g->now) != 0)
		return wrong(g, "core_configure refuses");
	golden_feed(g, &go);
	return true;
}

/* "kept STATE since D [heard IP priority N seen D interval D down D]": in the same process; down: from now on. */
static bool word_kept(struct golden *g, const struct words *w, struct event_resume *resume)
{
	static const char *const keys[] = { "since", "seen", "interval", "down" };
	uint64_t times[4] = { 0 };
	const char *text;

	resume->kept = true;
	for (enum vip_state state = VIP_INIT; state <= VIP_FAULT; state++) {
		if (strcmp(after(w, "kept"), vip_state_name(state)) == 0)
			resume->state = (uint8_t)state;
	}
	for (unsigned i = 0; i < 4; i++) {
		text = after(w, keys[i]);
		if (text && text_parse_duration(text, &times[i]) != 0)
			return wrong(g, "'%s' is no duration", text);
	}
	resume->since_ns = g->now - times[0];
	resume->heard_ns = times[1] ? g->now - times[1] : 0;
	resume->interval_ns = times[2];
	resume->down_ns = g->now + times[3];
	text = after(w, "heard");
	if (text && text_parse_ip(text, &resume->heard_source) != 0)
		return wrong(g, "'%s' is no address", text);
	text = after(w, "priority");
	resume->heard_priority = (uint8_t)(text ? atoi(text) : 0);
	return true;
}

/* PRIORITY, which is that word, [from ADDRESS/PREFIX] [to ADDRESS/PREFIX] table N */
static bool parse_rule(const struct words *w, unsigned at, struct config_rule *rule)
{
	const char *from = after(w, "from"), *to = after(w, "to"), *table = after(w, "table");

	if (w->n < at + 3 || !table || (!from && !to) || (from && text_parse_cidr(from, &rule->from, &rule->from_prefix) != 0) ||
	    (to && text_parse_cidr(to, &rule->to, &rule->to_prefix) != 0))
		return false;
	rule->priority = (uint32_t)atoi(w->word[at]);
	rule->table = (uint32_t)atoi(table);
	rule->family = from ? rule->from.family : rule->to.family;
	return true;
}

/* … LINK default|ADDRESS/PREFIX via ADDRESS [metric N] [table N] */
static bool parse_route(const struct words *w, struct config_route *route)
{
	const char *via = after(w, "via"), *metric = after(w, "metric"), *table = after(w, "table");

	if (!via || text_parse_ip(via, &route->via) != 0)
		return false;
	route->to.family = route->via.family;
	if (strcmp(w->word[2], "default") != 0 && text_parse_cidr(w->word[2], &route->to, &route->prefix) != 0)
		return false;
	route->metric = metric ? (uint32_t)atoi(metric) : 0;
	route->table = table ? (uint32_t)atoi(table) : 0;
	return true;
}

static uint64_t number_after(const struct words *w, const char *word)
{
	return after(w, word) ? strtoull(after(w, word), NULL, 10) : 0;
}

/* "kept self NODE start N", "kept node NODE start N", "kept former NODE start N", "kept path NODE PATH from ADDRESS to ADDRESS seq N": all is well, and
 * was heard a moment ago. */
static bool word_kept_node(struct golden *g, const struct words *w, struct event *event)
{
	if (strcmp(w->word[1], "self") == 0) {
		event->type = EV_RESUME_NODE;
		strncpy(event->u.resume_node.node, w->word[2], NODE_SIZE - 1);
		event->u.resume_node.incarnation = number_after(w, "start");
		event->u.resume_node.sequence = g->now;
	} else if (strcmp(w->word[1], "node") == 0) {
		event->type = EV_RESUME_PEER;
		strncpy(event->u.resume_peer.node, w->word[2], NODE_SIZE - 1);
		event->u.resume_peer.state = NODE_ALIVE;
		event->u.resume_peer.since_ns = 1;
		event->u.resume_peer.heard_ns = g->now;
		event->u.resume_peer.incarnation = number_after(w, "start");
		event->u.resume_peer.interval_ns = 100 * NSEC_PER_MSEC;
		event->u.resume_peer.lost = 3;
		event->u.resume_peer.digest_told = true;
		event->u.resume_peer.version = HEARTBEAT_VERSION;
	} else if (strcmp(w->word[1], "former") == 0) {
		event->type = EV_RESUME_FORMER;
		strncpy(event->u.resume_former.node, w->word[2], NODE_SIZE - 1);
		event->u.resume_former.incarnation = number_after(w, "start");
	} else if (strcmp(w->word[1], "path") == 0 && w->n > 3 && after(w, "from") && after(w, "to") &&
		   text_parse_ip(after(w, "from"), &event->u.resume_path.own) == 0 &&
		   text_parse_ip(after(w, "to"), &event->u.resume_path.other) == 0) {
		event->type = EV_RESUME_PATH;
		strncpy(event->u.resume_path.node, w->word[2], NODE_SIZE - 1);
		strncpy(event->u.resume_path.path, w->word[3], NAME_SIZE - 1);
		event->u.resume_path.state = PATH_UP;
		event->u.resume_path.since_ns = 1;
		event->u.resume_path.heard_ns = event->u.resume_path.told_sequence = g->now;
		event->u.resume_path.sequence = number_after(w, "seq");
	} else {
		return wrong(g, "kept self|node|former NODE start N, kept path NODE PATH from ADDRESS to ADDRESS seq N");
	}
	return true;
}

static bool word_early(struct golden *g, const struct words *w)
{
	struct event *event = &g->early[g->n_early];
	const char *age = after(w, "age");
	uint64_t ns = 0;

	memset(event, 0, sizeof *event);
	if (g->n_early == sizeof g->early / sizeof g->early[0] || w->n < (w->word[0][0] == 'g' ? 2 : 3) || g->core)
		return wrong(g, "too many, too short, or too late");
	if (strcmp(w->word[0], "given") == 0) {
		event->type = EV_ROLE;
		event->u.role.order = ROLE_GIVEN;
		strncpy(event->u.role.vip, w->word[1], NAME_SIZE - 1);
	} else if (strcmp(w->word[0], "lent") == 0) {
		event->type = EV_LOAN;
		strncpy(event->u.loan.ifname, w->word[1], IFNAME_SIZE - 1);
		event->u.loan.device = strcmp(w->word[2], "device") == 0;
		event->u.loan.key = strcmp(w->word[2], "arp_announce") == 0 ? SYSCTL_ARP_ANNOUNCE : SYSCTL_ARP_IGNORE;
		event->u.loan.value = w->n > 3 ? atoi(w->word[3]) : 0;
	} else if (strcmp(w->word[0], "check-was") == 0) {
		event->type = EV_RESUME_CHECK;
		strncpy(event->u.resume_check.check, w->word[1], NAME_SIZE - 1);
		event->u.resume_check.state = strcmp(w->word[2], "passed") == 0 ? CHECK_PASSED : CHECK_FAILED;
		if (!after(w, "since") || text_parse_duration(after(w, "since"), &ns) != 0)
			return wrong(g, "since DURATION is missing");
		event->u.resume_check.since_ns = g->now - ns;
		event->u.resume_check.heard_ns = g->now;
	} else if (strcmp(w->word[0], "kept") == 0) {
		if (!word_kept_node(g, w, event))
			return false;
	} else if (strcmp(w->word[0], "resume") == 0) {
		event->type = EV_RESUME;
		strncpy(event->u.resume.vip, w->word[1], NAME_SIZE - 1);
		event->u.resume.active = has(w, "active");
		if (!age || text_parse_duration(age, &ns) != 0)
			return wrong(g, "age DURATION is missing");
		event->u.resume.checksum = has(w, "rfc9568") ? VRRP_CHECKSUM_RFC9568 : VRRP_CHECKSUM_RFC5798;
		event->u.resume.last_sign_ns = g->now - ns;
		if (has(w, "kept") && !word_kept(g, w, &event->u.resume))
			return false;
	} else if (strcmp(w->word[1], "rule") == 0) {
		event->type = EV_LEFTOVER_RULE;
		if (!parse_rule(w, 2, &event->u.leftover_rule.rule))
			return wrong(g, "leftover rule PRIORITY [from ADDRESS/PREFIX] [to ADDRESS/PREFIX] table N");
	} else if (after(w, "via")) {
		event->type = EV_LEFTOVER_ROUTE;
		strncpy(event->u.leftover_route.ifname, w->word[1], IFNAME_SIZE - 1);
		if (!parse_route(w, &event->u.leftover_route.route))
			return wrong(g, "leftover LINK default|ADDRESS/PREFIX via ADDRESS");
	} else {
		event->type = EV_LEFTOVER;
		strncpy(event->u.leftover.ifname, w->word[1], IFNAME_SIZE - 1);
		if (text_parse_cidr(w->word[2], &event->u.leftover.ip, &event->u.leftover.prefix) != 0)
			return wrong(g, "'%s' is no address/prefix", w->word[2]);
		if (after(w, "of"))
			strncpy(event->u.leftover.bond, after(w, "of"), NAME_SIZE - 1);
	}
	g->n_early++;
	return true;
}

/* ---- the kernel's messages ---- */

static bool link_gone(struct golden *g, struct golden_link *l, uint32_t cause, bool silently)
{
	struct event event = { .type = EV_LINK_GONE };

	if (!silently && (l->link.kind == KIND_BOND || l->link.kind == KIND_TEAM))
		golden_release_all(g, l, cause);
	event.u.link = l->link;
	event.u.link.cause = cause;
	for (unsigned i = g->n_addresses; i-- > 0;)
		if (g->addresses[i].ifindex == l->link.ifindex)
			g->addresses[i] = g->addresses[--g->n_addresses];
	for (unsigned i = g->n_routes; i-- > 0;)
		if (g->routes[i].ifindex == l->link.ifindex)
			g->routes[i] = g->routes[--g->n_routes];
	l->link.ifindex = 0;
	if (g->core && !silently)
		golden_feed(g, &event);
	return true;
}

/* What a device is, besides up, down, cable and master. */
static void link_describe(struct golden *g, struct golden_link *l, const struct words *w)
{
	const char *perm = after(w, "perm"), *mtu = after(w, "mtu"), *most = after(w, "max-mtu"), *driver = after(w, "driver"),
		   *path = after(w, "path"), *id = after(w, "vlan"), *on = after(w, "on"), *fom = after(w, "fail-over-mac");

	if (perm)
		memcpy(l->link.perm_mac, (uint8_t[]){ 2, 0, 0, 0, 0, (uint8_t)strtoul(perm, NULL, 16) }, MAC_SIZE);
	if (mtu)
		l->link.mtu = (uint32_t)atoi(mtu);
	if (most)
		l->link.max_mtu = (uint32_t)atoi(most);
	if (driver)
		strncpy(l->link.driver, driver, sizeof l->link.driver - 1);
	if (path)
		strncpy(l->link.path, path, sizeof l->link.path - 1);
	if (after(w, "miimon"))
		l->link.bond.miimon = (uint32_t)atoi(after(w, "miimon"));
	if (after(w, "primary"))
		l->link.bond.primary = golden_link(g, after(w, "primary")) ? golden_link(g, after(w, "primary"))->link.ifindex : 0;
	if (fom)
		l->link.bond.fail_over_mac = (uint8_t)atoi(fom);
	if (id) {
		l->link.kind = KIND_VLAN;
		l->link.vlan.id = (uint16_t)atoi(id);
		l->link.vlan.link = on && golden_link(g, on) ? golden_link(g, on)->link.ifindex : 0;
	}
	if (after(w, "macvlan") && golden_link(g, after(w, "macvlan"))) {
		l->link.kind = KIND_MACVLAN;
		l->link.ours = has(w, "ours");
		l->link.vlan.link = golden_link(g, after(w, "macvlan"))->link.ifindex;
	}
	if (after(w, "virtual"))
		memcpy(l->link.mac, (uint8_t[]){ 0, 0, 0x5e, 0, 1, (uint8_t)atoi(after(w, "virtual")) }, MAC_SIZE);
	if (has(w, "team")) {
		l->link.kind = KIND_TEAM;
		l->link.bond.mode = BOND_MODE_ACTIVEBACKUP;
	}
	l->link.vf |= has(w, "vf");
	l->link.prompt |= has(w, "prompt");
	l->link.loopback |= has(w, "loopback");
	l->link.uninitialised = (l->link.uninitialised || has(w, "uninitialised")) && !has(w, "initialised");
}

static bool link_change(struct golden *g, struct golden_link *l, const struct words *w)
{
	const char *active = after(w, "active"), *master = after(w, "master"), *mode = after(w, "mode"),
		   *mac = after(w, "mac"), *cause = after(w, "cause"), *name = after(w, "rename");
	struct golden_link *other;

	link_describe(g, l, w);
	if (name)
		memset(l->link.name, 0, sizeof l->link.name);
	if (name)
		strncpy(l->link.name, name, IFNAME_SIZE - 1);
	l->link.cause = cause ? (uint32_t)atoi(cause) : 0;

	if (has(w, "bond") || mode)
		l->link.kind = KIND_BOND;
	if (mode)
		l->link.bond.mode = (uint8_t)atoi(mode);
	else if (has(w, "bond"))
		l->link.bond.mode = BOND_MODE_ACTIVEBACKUP;
	if (has(w, "bond") || mode) {
		l->link.bond.miimon = BOND_MIIMON_MS;
		l->link.bond.reselect = BOND_RESELECT_FAILURE;
	}
	if (has(w, "bridge"))
		l->link.kind = KIND_BRIDGE;
	if (mac)
		l->link.mac[5] = (uint8_t)strtoul(mac, NULL, 16);
	if (has(w, "up"))
		l->link.up = true;
	if (has(w, "down"))
		l->link.up = false;
	if (has(w, "carrier"))
		l->cable = true;
	if (has(w, "no-carrier"))
		l->cable = false;
	l->link.carrier = l->link.up && l->cable;
	other = active ? golden_link(g, active) : NULL;
	if (active)
		l->link.bond.active = other ? other->link.ifindex : 0;
	other = master ? golden_link(g, master) : NULL;
	if (master)
		l->link.master = other ? other->link.ifindex : 0;
	if (active && strcmp(active, "none") != 0 && !golden_link(g, active))
		return wrong(g, "no link '%s'", active);
	return true;
}

static bool word_link(struct golden *g, const struct words *w)
{
	struct golden_link *l = w->n > 1 ? golden_link(g, w->word[1]) : NULL;

	if (w->n < 2)
		return wrong(g, "which link?");
	if (has(w, "gone"))
		return l ? link_gone(g, l, after(w, "cause") ? (uint32_t)atoi(after(w, "cause")) : 0, has(w, "silently")) :
			   wrong(g, "no link '%s'", w->word[1]);
	if (!l)
		l = golden_link_add(g, w->word[1]);
	if (!l || !link_change(g, l, w))
		return l ? false : wrong(g, "too many links");
	if (g->core && !has(w, "silently"))
		golden_link_tell(g, l);
	if (g->core && !has(w, "silently") && l->link.kind == KIND_TEAM && after(w, "active"))
		golden_team_tell(g, l);
	return true;
}

static bool word_address(struct golden *g, const struct words *w)
{
	struct event event = { .type = has(w, "gone") ? EV_ADDRESS_GONE : EV_ADDRESS };
	struct event_address *a = &event.u.address;
	struct golden_link *l = w->n > 2 ? golden_link(g, w->word[1]) : NULL;
	const char *age = after(w, "age"), *cause = after(w, "cause");
	uint64_t ns = 0;

	if (!l || text_parse_cidr(w->word[2], &a->ip, &a->prefix) != 0)
		return wrong(g, "address LINK ADDRESS/PREFIX");
	a->ifindex = l->link.ifindex;
	a->ours = has(w, "ours");
	a->permanent = !a->ours;
	a->tentative = has(w, "tentative");
	a->valid_s = a->ours ? 3 : UINT32_MAX;
	if (age)
		text_parse_duration(age, &ns);
	a->renewed_ns = g->now - ns;
	if (event.type == EV_ADDRESS_GONE && golden_address_drop(g, a->ifindex, &a->ip, a->prefix, a) != 0)
		return wrong(g, "no such address");
	if (event.type == EV_ADDRESS && golden_address_set(g, a) != 0)
		return wrong(g, "too many addresses");
	a->cause = cause ? (uint32_t)atoi(cause) : 0;
	if (g->core && !has(w, "silently"))
		golden_feed(g, &event);
	return true;
}

static bool is_same_route(const struct config_route *a, const struct config_route *b)
{
	return ip_equal(&a->to, &b->to) && a->prefix == b->prefix && ip_equal(&a->via, &b->via) && a->metric == b->metric &&
	       a->table == b->table;
}

static bool word_rule(struct golden *g, const struct words *w)
{
	struct event event = { .type = has(w, "gone") ? EV_RULE_GONE : EV_RULE };
	struct config_rule *r = &event.u.rule.rule;
	const char *cause = after(w, "cause");
	unsigned i = 0;

	if (!parse_rule(w, 1, r))
		return wrong(g, "rule PRIORITY [from ADDRESS/PREFIX] [to ADDRESS/PREFIX] table N");
	event.u.rule.ours = has(w, "ours");
	event.u.rule.cause = cause ? (uint32_t)atoi(cause) : 0;
	while (i < g->n_rules && !(rule_equal(&g->rules[i].rule, r) && g->rules[i].ours == event.u.rule.ours))
		i++;
	if (event.type == EV_RULE && i == g->n_rules && i < GOLDEN_RULES)
		g->rules[g->n_rules++] = event.u.rule;
	else if (event.type == EV_RULE_GONE && i < g->n_rules)
		g->rules[i] = g->rules[--g->n_rules];
	if (g->core && !has(w, "silently"))
		golden_feed(g, &event);
	return true;
}

static bool word_route(struct golden *g, const struct words *w)
{
	struct event event = { .type = has(w, "gone") ? EV_ROUTE_GONE : EV_ROUTE };
	struct event_route *r = &event.u.route;
	struct golden_link *l = w->n > 2 ? golden_link(g, w->word[1]) : NULL;
	unsigned i = 0;

	if (!l || !parse_route(w, &r->route))
		return wrong(g, "route LINK default|ADDRESS/PREFIX via ADDRESS");
	r->ifindex = l->link.ifindex;
	r->ours = has(w, "ours");
	while (i < g->n_routes && !is_same_route(&g->routes[i].route, &r->route))
		i++;
	if (event.type == EV_ROUTE && i == g->n_routes && i < GOLDEN_ROUTES)
		g->routes[g->n_routes++] = *r;
	else if (event.type == EV_ROUTE_GONE && i < g->n_routes)
		g->routes[i] = g->routes[--g->n_routes];
	if (g->core && !has(w, "silently"))
		golden_feed(g, &event);
	return true;
}

/* ---- packets ---- */

static void list_hash(const struct golden *g, struct event_advert *a)
{
	for (unsigned i = 0; g->config && i < g->config->n_vips; i++) {
		const struct config_vip *v = &g->config->vips[i];

		if (v->vrid != a->vrid || v->family != a->family)
			continue;
		a->n_addresses = v->n_listed;
		for (unsigned j = 0; j < v->n_listed; j++)
			a->address_hash += core_address_hash(&g->config->addresses[v->first_address + j].ip);
	}
}

static bool word_advert(struct golden *g, const struct words *w)
{
	struct event event = { .type = EV_ADVERT };
	struct event_advert *a = &event.u.advert;
	struct golden_link *l = w->n > 1 ? golden_link(g, w->word[1]) : NULL;
	const char *from = after(w, "from"), *vrid = after(w, "vrid"), *priority = after(w, "priority");
	const char *interval = after(w, "interval"), *seen = after(w, "seen");
	const char *version = after(w, "version"), *auth = after(w, "auth");
	uint64_t ago = 0;

	if (!l || !from || !vrid || !priority || text_parse_ip(from, &a->source) != 0)
		return wrong(g, "advert LINK from ADDRESS vrid N priority N [interval D] [list other] [seen D]");
	a->ifindex = l->link.ifindex;
	a->family = a->source.family;
	a->version = version ? (uint8_t)atoi(version) : 3;
	a->auth_type = auth ? 1 : 0;
	if (auth)
		memcpy(a->auth, auth, strnlen(auth, AUTH_SIZE));
	a->vrid = (uint8_t)atoi(vrid);
	a->priority = (uint8_t)atoi(priority);
	a->interval_ns = NSEC_PER_SEC;
	a->checksum = has(w, "rfc9568") ? VRRP_CHECKSUM_RFC9568 : VRRP_CHECKSUM_RFC5798;
	if (interval && text_parse_duration(interval, &a->interval_ns) != 0)
		return wrong(g, "'%s' is no duration", interval);
	if (seen && text_parse_duration(seen, &ago) == 0)
		event.seen_ns = g->now - ago;
	list_hash(g, a);
	if (after(w, "list"))
		a->address_hash++;
	golden_feed(g, &event);
	return true;
}

/* The path of that name of a node of the configuration; its number among the node's in *number. NULL: it has none. */
static const struct config_path *path_of(const struct golden *g, const char *node, const char *path, unsigned *number)
{
	for (unsigned i = 0; i < g->config->n_nodes; i++) {
		const struct config_node *n = &g->config->nodes[i];
		for (unsigned j = 0; strcmp(n->name, node) == 0 && j < n->n_paths; j++) {
			*number = j;
			if (strcmp(g->config->paths[n->first_path + j].name, path) == 0)
				return &g->config->paths[n->first_path + j];
		}
	}
	return NULL;
}

static void heartbeat_details(const struct golden *g, const struct words *w, struct heartbeat *m)
{
	const char *start = after(w, "start"), *to = after(w, "to"), *seq = after(w, "seq"), *version = after(w, "version");
	const char *echo = after(w, "echo");
	uint64_t age = 0;

	m->version = version ? (uint8_t)atoi(version) : HEARTBEAT_VERSION;
	m->incarnation = start ? strtoull(start, NULL, 10) : 7;
	m->to = !to ? g->incarnation : strcmp(to, "none") == 0 ? 0 : strtoull(to, NULL, 10);
	m->sequence = seq ? strtoull(seq, NULL, 10) : g->said + 1;
	m->digest = g->config->common_digest + has(w, "other-configuration");
	m->goodbye = has(w, "goodbye");
	if (echo && text_parse_duration(echo, &age) != 0)
		age = 0;
	for (unsigned i = 0; i < g->config->nodes[g->config->self].n_paths; i++) {
		const struct config_path *own = &g->config->paths[g->config->nodes[g->config->self].first_path + i];
		m->heard[m->n_heard++] =
			(struct heartbeat_heard){ heartbeat_id(own->name), has(w, "deaf") ? 0 : age ? g->now - age : g->sequence[i] };
	}
}

/* "VIP:STATE[:unable|:vrrp|:unknown|:good|:dead|:health=N|:priority=N]…": whole, able where its state has it so, of an unknown LAN, priority 100. */
static bool read_claim(const char *word, struct heartbeat_claim *claim)
{
	char text[128], *save = NULL, *part;
	int state;

	snprintf(text, sizeof text, "%s", word);
	part = strtok_r(text, ":", &save);
	*claim = (struct heartbeat_claim){ .vip = heartbeat_id(part), .health = 255, .priority = 100 };
	part = strtok_r(NULL, ":", &save);
	for (state = VIP_INIT; state <= VIP_FAULT && part && strcmp(vip_state_name((enum vip_state)state), part) != 0; state++)
		;
	if (!part || state > VIP_FAULT)
		return false;
	claim->state = (uint8_t)state;
	claim->able = state == VIP_BACKUP || state == VIP_ACTIVE;
	claim->holding = state == VIP_ACTIVE || state == VIP_LEAVING;
	while ((part = strtok_r(NULL, ":", &save)) != NULL) {
		if (strcmp(part, "unable") == 0)
			claim->able = false;
		else if (strcmp(part, "vrrp") == 0)
			claim->vrrp = true;
		else if (strcmp(part, "good") == 0)
			claim->verdict = LAN_GOOD;
		else if (strcmp(part, "dead") == 0)
			claim->verdict = LAN_DEAD;
		else if (sscanf(part, "health=%hhu", &claim->health) != 1 && sscanf(part, "priority=%hhu", &claim->priority) != 1)
			return false;
	}
	return true;
}

/* The claims behind the word "claims"; without the word: none. "vips N": of so many in all, else of those. The message is what its bytes say. */
static bool put_claims(struct golden *g, const struct words *w, struct heartbeat *message, uint8_t bytes[HEARTBEAT_MAX])
{
	struct heartbeat_claim claim;
	struct heartbeat plain = *message;
	size_t length;
	unsigned i = 1;

	if (after(w, "vips"))
		plain.n_vips = (uint16_t)atoi(after(w, "vips"));
	while (i < w->n && strcmp(w->word[i], "claims") != 0)
		i++;
	for (unsigned j = i + 1; !after(w, "vips") && j < w->n && strchr(w->word[j], ':'); j++)
		plain.n_vips++;
	length = heartbeat_begin(bytes, HEARTBEAT_MAX, &plain);
	for (unsigned j = i + 1; length && j < w->n && strchr(w->word[j], ':'); j++) {
		if (!read_claim(w->word[j], &claim))
			return wrong(g, "'%s' is no claim: VIP:STATE[:…]", w->word[j]);
		heartbeat_put_claim(bytes, HEARTBEAT_MAX, &length, &claim);
	}
	if (!length || heartbeat_decode(bytes, heartbeat_finish(bytes, length), message) != HEARTBEAT_GOOD)
		*message = plain; /* what the wire would not carry; it has no claims */
	message->version = plain.version;
	return true;
}

static bool word_heartbeat(struct golden *g, const struct words *w)
{
	uint8_t bytes[HEARTBEAT_MAX];
	static const char *const auths[] = { "unsigned", "signed", "forged", "keyless" };
	struct heartbeat message = { .interval_us = 100000, .lost = 3 };
	struct event event = { .type = EV_HEARTBEAT };
	struct event_heartbeat *h = &event.u.heartbeat;
	const char *path = w->n > 2 ? w->word[2] : "", *node = w->n > 1 ? w->word[1] : "";
	const char *from = after(w, "from"), *on = after(w, "on"), *label = after(w, "path"), *every = after(w, "every");
	const struct config_path *own = path_of(g, g->config->node, path, &h->path), *other;
	struct golden_link *l;
	uint64_t interval;
	unsigned number;

	other = path_of(g, node, path, &number);
	l = own ? golden_link(g, on ? on : own->on) : NULL;
	if (!own || !l || (!other && !from))
		return wrong(g, "heartbeat NODE PATH …: this node has no such path, or what it is on does not exist");
	if (other)
		h->source = other->address;
	if (from && text_parse_ip(from, &h->source) != 0)
		return wrong(g, "'%s' is no address", from);
	if (every && text_parse_duration(every, &interval) == 0)
		message.interval_us = (uint32_t)(interval / 1000);
	for (unsigned i = 0; i < 4; i++)
		h->auth = has(w, auths[i]) ? (enum heartbeat_auth)i : h->auth;
	h->ifindex = l->link.ifindex;
	h->message = &message;
	snprintf(message.node, sizeof message.node, "%s", node);
	snprintf(message.path, sizeof message.path, "%s", label ? label : path);
	heartbeat_details(g, w, &message);
	if (!put_claims(g, w, &message, bytes))
		return false;
	g->said = message.sequence;
	golden_feed(g, &event);
	return true;
}

static bool word_claim(struct golden *g, const struct words *w)
{
	struct event event = { .type = EV_CLAIM };
	struct event_claim *c = &event.u.claim;
	struct golden_link *l = w->n > 2 ? golden_link(g, w->word[1]) : NULL;

	if (!l || text_parse_ip(w->word[2], &c->ip) != 0)
		return wrong(g, "claim LINK ADDRESS [own|virtual] [answer]");
	c->ifindex = l->link.ifindex;
	memcpy(c->mac, (uint8_t[]){ 2, 0xff, 0, 0, 0, 9 }, MAC_SIZE);
	if (has(w, "own"))
		memcpy(c->mac, l->link.mac, MAC_SIZE);
	if (has(w, "virtual"))
		memcpy(c->mac, (uint8_t[]){ 0, 0, 0x5e, 0, c->ip.family == FAMILY_6 ? 2 : 1, 51 }, MAC_SIZE);
	c->announcement = !has(w, "answer");
	if (core_wants_claim(g->core, &c->ip))
		golden_feed(g, &event);
	else
		fprintf(g->out, "> (not wanted)\n");
	return true;
}

static bool word_reach(struct golden *g, const struct words *w)
{
	struct golden_reach *r;
	struct ip ip;

	if (w->n < 3 || text_parse_ip(w->word[2], &ip) != 0)
		return wrong(g, "%s LINK ADDRESS", w->word[0]);
	for (unsigned i = g->n_reach; i-- > 0;)
		if (strcmp(g->reach[i].link, w->word[1]) == 0 && ip_equal(&g->reach[i].ip, &ip))
			g->reach[i] = g->reach[--g->n_reach];
	if (strcmp(w->word[0], "deaf") == 0)
		return true;
	if (g->n_reach == GOLDEN_REACH)
		return wrong(g, "too many that are reached");
	r = &g->reach[g->n_reach++];
	memset(r, 0, sizeof *r);
	strncpy(r->link, w->word[1], IFNAME_SIZE - 1);
	r->ip = ip;
	return true;
}

/* An answer that comes by itself: to that MAC's last byte, or to everybody. */
static bool word_answered(struct golden *g, const struct words *w)
{
	struct event event = { .type = EV_PROBE };
	struct golden_link *l = w->n > 2 ? golden_link(g, w->word[1]) : NULL;
	const char *to = after(w, "to"), *vlan = after(w, "vlan");

	if (!l || !to || text_parse_ip(w->word[2], &event.u.probe.target) != 0)
		return wrong(g, "answered LINK ADDRESS to XX|all [vlan N]");
	event.u.probe.ifindex = l->link.ifindex;
	event.u.probe.vlan = vlan ? (uint16_t)atoi(vlan) : 0;
	memcpy(event.u.probe.to, (uint8_t[]){ 2, 0, 0, 0, 0, (uint8_t)strtoul(to, NULL, 16) }, MAC_SIZE);
	if (strcmp(to, "all") == 0)
		memset(event.u.probe.to, 0xff, MAC_SIZE);
	golden_feed(g, &event);
	return true;
}

/* ---- the rest ---- */

static bool word_device(struct golden *g, const struct words *w)
{
	struct event event = { .type = EV_DEVICE };
	struct golden_link *l = w->n > 1 ? golden_link(g, w->word[1]) : NULL;

	if (!l)
		return wrong(g, "device LINK");
	event.u.device.ifindex = l->link.ifindex;
	golden_feed(g, &event);
	return true;
}

static bool word_switch(struct golden *g, const struct words *w)
{
	struct event event = { .type = EV_SWITCH };

	if (w->n < 3)
		return wrong(g, "switch BOND PORT|auto");
	strncpy(event.u.select.bond, w->word[1], sizeof event.u.select.bond - 1);
	if (strcmp(w->word[2], "auto") != 0)
		strncpy(event.u.select.port, w->word[2], sizeof event.u.select.port - 1);
	golden_feed(g, &event);
	return true;
}

static bool word_hooks(struct golden *g, const struct words *w)
{
	struct event event = { .type = EV_HOOKS };

	if (w->n < 2)
		return wrong(g, "hooks-done VIP");
	strncpy(event.u.hooks.vip, w->word[1], sizeof event.u.hooks.vip - 1);
	golden_feed(g, &event);
	return true;
}

static bool word_line(struct golden *g, const struct words *w)
{
	struct event event = { .type = EV_LINE_ENDED };
	unsigned number;
	const struct config_path *path = w->n < 3 ? NULL : path_of(g, w->word[1], w->word[2], &number);

	if (!path || !path_of(g, g->config->node, w->word[2], &event.u.line.path))
		return wrong(g, "line-ended NODE PATH");
	event.u.line.other = path->address;
	golden_feed(g, &event);
	return true;
}

static bool word_check(struct golden *g, const struct words *w)
{
	struct event event = { .type = EV_CHECK };

	if (w->n < 3)
		return wrong(g, "check NAME passed|failed");
	strncpy(event.u.check.check, w->word[1], sizeof event.u.check.check - 1);
	event.u.check.passed = strcmp(w->word[2], "passed") == 0;
	if (after(w, "after"))
		strncpy(event.u.check.vip, after(w, "after"), NAME_SIZE - 1);
	golden_feed(g, &event);
	return true;
}

static void show_preview(void *closure, const struct core *next, const struct action *action)
{
	struct golden *g = closure;
	struct core *core = g->core;

	g->core = (struct core *)next; /* whose names the action has */
	golden_print(g, action);
	g->core = core;
}

static bool word_preview(struct golden *g)
{
	struct preview preview = { .each = show_preview, .closure = g };
	struct config *config = load(g);

	if (!config)
		return false;
	if (core_preview(g->core, config, g->now, &preview) != 0)
		return wrong(g, "core_preview refuses");
	config_free(config);
	return true;
}


static bool word_simple(struct golden *g, enum event_type type)
{
	struct event event = { .type = type };

	if (!g->core)
		return wrong(g, "nothing runs");
	golden_feed(g, &event);
	return true;
}

static bool word_drops(struct golden *g)
{
	const struct core_counters *counters = core_counters(g->core);

	fprintf(g->out, "> dropped:");
	for (enum drop_reason i = DROP_NONE + 1; i < DROP_REASONS; i++)
		if (counters->dropped[i])
			fprintf(g->out, " %s %llu", drop_reason_name(i), (unsigned long long)counters->dropped[i]);
	for (enum heartbeat_drop i = HEARTBEAT_GOOD + 1; i < HEARTBEAT_DROPS; i++)
		if (counters->heartbeat_dropped[i])
			fprintf(g->out, " %s %llu", heartbeat_drop_name(i), (unsigned long long)counters->heartbeat_dropped[i]);
	fprintf(g->out, "\n");
	return true;
}

static bool word_dropped(struct golden *g, const struct words *w)
{
	struct event event = { .type = EV_DROPPED };
	struct golden_link *l = w->n > 2 ? golden_link(g, w->word[1]) : NULL;
	enum drop_reason reason = DROP_NONE + 1;

	while (l && reason < DROP_REASONS && strcmp(w->word[2], drop_reason_name(reason)) != 0)
		reason++;
	if (!l || reason == DROP_REASONS)
		return wrong(g, "dropped LINK REASON");
	event.u.dropped.ifindex = l->link.ifindex;
	event.u.dropped.reason = reason;
	golden_feed(g, &event);
	return true;
}

static bool word_role(struct golden *g, const struct words *w, enum role_order order)
{
	struct event event = { .type = EV_ROLE };

	event.u.role.order = order;
	event.u.role.force = has(w, "force");
	if (order == ROLE_HANDOVER) {
		if (w->n < 2)
			return wrong(g, "handover VIP [force]");
		snprintf(event.u.role.vip, sizeof event.u.role.vip, "%s", w->word[1]);
	}
	golden_feed(g, &event);
	return true;
}

static bool word_fail(struct golden *g, const struct words *w)
{
	enum action_type type = w->n > 2 ? action_named(w->word[1]) : ACT_TYPES;

	if (type == ACT_TYPES || !errno_named(w->word[2]))
		return wrong(g, "fail ACTION ERRNO [COUNT]");
	g->fail_errno[type] = errno_named(w->word[2]);
	g->fail_count[type] = w->n > 3 ? (unsigned)atoi(w->word[3]) : 1;
	return true;
}

static bool word_hide(struct golden *g, const struct words *w)
{
	for (unsigned i = 1; i < w->n; i++) {
		enum action_type type = action_named(w->word[i]);

		if (type == ACT_TYPES)
			return wrong(g, "no action is called '%s'", w->word[i]);
		g->hidden[type] = w->word[0][0] == 'h';
	}
	return true;
}

static bool word_answer(struct golden *g, const struct words *w)
{
	int error = strcmp(w->word[0], "refuse") == 0 ? errno_named(w->n > 1 ? w->word[1] : NULL) : 0;
	unsigned n = w->n > 1 && strcmp(w->word[1], "all") == 0 ? g->n_pending : 1;

	if (!g->n_pending || (w->word[0][0] == 'r' && !error))
		return wrong(g, "nothing is pending, or no such errno");
	while (n-- && g->n_pending)
		golden_answer(g, error);
	return true;
}

/* "made": by the kernel, which has told of it; "done" is the answer, later. */
static bool word_made(struct golden *g)
{
	if (!g->n_pending)
		return wrong(g, "nothing is pending");
	golden_make(g);
	return true;
}

static bool word_auto(struct golden *g, const struct words *w)
{
	if (w->n != 2)
		return wrong(g, "auto-done on|off");
	g->auto_done = strcmp(w->word[1], "on") == 0;
	golden_settle(g);
	return true;
}

static bool perform(struct golden *g, const struct words *w)
{
	const char *verb = w->word[0];

	if (strcmp(verb, "start") == 0)
		return word_start(g);
	if (strcmp(verb, "link") == 0)
		return word_link(g, w);
	if (strcmp(verb, "address") == 0)
		return word_address(g, w);
	if (strcmp(verb, "rule") == 0)
		return word_rule(g, w);
	if (strcmp(verb, "route") == 0)
		return word_route(g, w);
	if (strcmp(verb, "reach") == 0 || strcmp(verb, "deaf") == 0)
		return word_reach(g, w);
	if (strcmp(verb, "resume") == 0 || strcmp(verb, "leftover") == 0 || strcmp(verb, "given") == 0 ||
	    strcmp(verb, "lent") == 0 || strcmp(verb, "check-was") == 0 || strcmp(verb, "kept") == 0)
		return word_early(g, w);
	if (strcmp(verb, "fail") == 0)
		return word_fail(g, w);
	if (strcmp(verb, "hide") == 0 || strcmp(verb, "show") == 0)
		return word_hide(g, w);
	if (strcmp(verb, "auto-done") == 0)
		return word_auto(g, w);
	if (strcmp(verb, "wait") == 0 || strcmp(verb, "late") == 0)
		return true;
	if (!g->core)
		return wrong(g, "'%s' before start", verb);
	if (strcmp(verb, "reload") == 0)
		return word_reload(g);
	if (strcmp(verb, "preview") == 0)
		return word_preview(g);
	if (strcmp(verb, "answered") == 0)
		return word_answered(g, w);
	if (strcmp(verb, "device") == 0)
		return word_device(g, w);
	if (strcmp(verb, "line-ended") == 0)
		return word_line(g, w);
	if (strcmp(verb, "hooks-done") == 0)
		return word_hooks(g, w);
	if (strcmp(verb, "check") == 0)
		return word_check(g, w);
	if (strcmp(verb, "switch") == 0)
		return word_switch(g, w);
	if (strcmp(verb, "advert") == 0)
		return word_advert(g, w);
	if (strcmp(verb, "heartbeat") == 0)
		return word_heartbeat(g, w);
	if (strcmp(verb, "claim") == 0)
		return word_claim(g, w);
	if (strcmp(verb, "dropped") == 0)
		return word_dropped(g, w);
	if (strcmp(verb, "drops") == 0)
		return word_drops(g);
	if (strcmp(verb, "handover") == 0)
		return word_role(g, w, ROLE_HANDOVER);
	if (strcmp(verb, "drain") == 0)
		return word_role(g, w, ROLE_DRAIN);
	if (strcmp(verb, "undrain") == 0)
		return word_role(g, w, ROLE_UNDRAIN);
	if (strcmp(verb, "stop") == 0)
		return word_simple(g, EV_STOP);
	if (strcmp(verb, "overrun") == 0)
		return word_simple(g, EV_OVERRUN);
	if (strcmp(verb, "made") == 0)
		return word_made(g);
	if (strcmp(verb, "timer") == 0)
		return word_simple(g, EV_TIMER);
	if (strcmp(verb, "done") == 0 || strcmp(verb, "refuse") == 0)
		return word_answer(g, w);
	return wrong(g, "'%s' is no word of a story", verb);
}

static bool move_time(struct golden *g, const char *offset, bool late)
{
	uint64_t ns;

	if (text_parse_duration(offset + 1, &ns) != 0 || g->start + ns < g->now)
		return wrong(g, "'%s' is no time, or runs backwards", offset);
	if (!late)
		golden_run_until(g, g->start + ns);
	g->now = g->start + ns;
	return true;
}

bool golden_line(struct golden *g, const char *line)
{
	char copy[512];
	struct words w = { .n = 0 };
	char *save = NULL;

	snprintf(copy, sizeof copy, "%s", line);
	for (char *p = strtok_r(copy, " \t\n", &save); p && w.n < GOLDEN_WORDS; p = strtok_r(NULL, " \t\n", &save))
		w.word[w.n++] = p;
	if (!w.n)
		return true;
	if (w.word[0][0] == '+') {
		if (!move_time(g, w.word[0], w.n > 1 && strcmp(w.word[1], "late") == 0))
			return false;
		memmove(&w.word[0], &w.word[1], --w.n * sizeof w.word[0]);
	}
	return w.n ? perform(g, &w) : true;
}
