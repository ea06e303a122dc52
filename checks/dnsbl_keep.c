#include "checks/dnsbl_keep.h"

#include <inttypes.h>
#include <stdlib.h>

#include "checks/dnsbl_exam.h"
#include "util/clock.h"

/* The examinations of one zone in this round. */
struct round {
	bool due;
	bool asked[DNSBL_SIDES];
	struct dnsbl_exam exam[DNSBL_SIDES];
};

static void begin(struct round *r, const struct dnsbl_zone *z, int64_t now_ms, struct net_wait *w)
{
	unsigned parts = DNSBL_EXAM_PROBES | DNSBL_EXAM_CANARY | DNSBL_EXAM_RANDOM;
	struct dnsbl_memory memory;

	if (!dnsbl_guard_due(z->guard, now_ms, &memory))
		return;
	if (dnsbl_guard_standing(z->guard) == DNSBL_SUSPENDED)
		parts |= DNSBL_EXAM_NEIGHBOURS;
	r->due = true;
	for (unsigned side = 0; side < DNSBL_SIDES; side++) {
		r->asked[side] = side != DNSBL_SIDE_V6 || !z->domains;
		if (r->asked[side])
			dnsbl_exam_ask(&r->exam[side], z, (enum dnsbl_side)side, parts, &memory, w);
	}
}

static void await(struct round *rounds, unsigned n, struct net_wait *w, int64_t deadline_ms)
{
	for (unsigned i = 0; i < n; i++)
		for (unsigned side = 0; side < DNSBL_SIDES; side++)
			if (rounds[i].asked[side])
				(void)net_await(w, rounds[i].exam[side].ops, rounds[i].exam[side].n, deadline_ms);
}

static bool ask_more(struct round *rounds, unsigned n, struct net_wait *w)
{
	bool more = false;

	for (unsigned i = 0; i < n; i++)
		for (unsigned side = 0; side < DNSBL_SIDES; side++)
			if (rounds[i].asked[side] && dnsbl_exam_more(&rounds[i].exam[side], w))
				more = true;
	return more;
}

/* True: it was suspended for it. */
static bool suspend_wrong(const struct dnsbl_zone *z, const struct dnsbl_exam *x, int64_t now_ms)
{
	if (x->finding != DNSBL_FOUND_WRONG)
		return false;
	if (x->error.family != IP_NONE)
		dnsbl_guard_error(z, &x->error, now_ms);
	else
		dnsbl_guard_suspend(z, x->why, now_ms);
	return true;
}

/*
 * What both sides say of the list.  A list may have no IPv6 and even fail when it is asked: silence on that side alone
 * says that it has none.
 */
static void end(struct round *r, const struct dnsbl_zone *z, int64_t now_ms)
{
	struct dnsbl_exam *v4 = &r->exam[DNSBL_SIDE_V4], *v6 = &r->exam[DNSBL_SIDE_V6];
	enum dnsbl_ipv6 ipv6 = DNSBL_IPV6_UNKNOWN;

	for (unsigned side = 0; side < DNSBL_SIDES; side++)
		if (r->asked[side])
			dnsbl_exam_judge(&r->exam[side]);
	for (unsigned side = 0; side < DNSBL_SIDES; side++)
		if (r->asked[side] && suspend_wrong(z, &r->exam[side], now_ms))
			return;
	for (unsigned side = 0; side < DNSBL_SIDES; side++)
		if (r->asked[side] && r->exam[side].finding == DNSBL_FOUND_NOTHING)
			dnsbl_guard_controlled(z->guard, (enum dnsbl_side)side, r->exam[side].asked_ms);
	if (v4->finding == DNSBL_FOUND_SILENCE) {
		dnsbl_guard_silent(z, v4->why, now_ms);
		return;
	}
	if (r->asked[DNSBL_SIDE_V6])
		ipv6 = v6->finding == DNSBL_FOUND_SILENCE ? DNSBL_IPV6_NO : v6->ipv6;
	dnsbl_guard_passed(z, ipv6, v4->asked_ms, now_ms);
}

static bool any_due(const struct dnsbl_zones *lists, int64_t now_ms)
{
	for (unsigned i = 0; i < lists->n_zones; i++)
		if (dnsbl_guard_due(lists->zones[i].guard, now_ms, NULL))
			return true;
	return false;
}

void dnsbl_keep(const struct dnsbl_zones *lists, struct net_wait *w, int64_t deadline_ms)
{
	int64_t now_ms = clock_mono_ms(), until = now_ms + lists->timeout_ms;
	struct round *rounds;

	if (!any_due(lists, now_ms))
		return;
	rounds = calloc(lists->n_zones, sizeof *rounds);
	if (rounds == NULL)
		return; /* the next second */
	if (until > deadline_ms)
		until = deadline_ms;
	for (unsigned i = 0; i < lists->n_zones; i++)
		begin(&rounds[i], &lists->zones[i], now_ms, w);
	await(rounds, lists->n_zones, w, until);
	if (ask_more(rounds, lists->n_zones, w))
		await(rounds, lists->n_zones, w, deadline_ms);
	now_ms = clock_mono_ms();
	for (unsigned i = 0; i < lists->n_zones; i++)
		if (rounds[i].due)
			end(&rounds[i], &lists->zones[i], now_ms);
	free(rounds);
}

void dnsbl_print(const struct dnsbl_zones *lists, struct sbuf *out)
{
	int64_t now_ms = clock_mono_ms();

	sbuf_addf(out, "{\"reject_at\":%" PRId64 ",\"lists\":[", lists->reject_at);
	for (unsigned i = 0; i < lists->n_zones; i++) {
		if (i > 0)
			sbuf_addc(out, ',');
		dnsbl_guard_print(&lists->zones[i], now_ms, out);
	}
	sbuf_add(out, "]}");
}
