#include "checks/dnsbl_health.h"

#include <string.h>

#include "checks/common.h"
#include "checks/dnsbl_exam.h"
#include "net/dns.h"
#include "util/bytes.h"
#include "util/clock.h"

enum {
	NAME_SIZE = 256, /* RFC 1035, section 2.3.4: 253 letters and the NUL, with room */
	LABEL_MAX = 63,
	AWAITED_AT_ONCE = 16,
	HARMLESS_TRUST_MS = 30000 /* dnsbl_exam.h: where nothing is refused */
};

/* What a list said. */
enum said {
	SAID_NOTHING_YET,
	SAID_CLEAR,
	SAID_LISTED,
	SAID_FAILED,
	SAID_LEFT_OUT /* suspended: as if it were not there */
};

struct question {
	unsigned zone, of;
	enum dnsbl_side side;
	int64_t asked_ms;
	const struct dnsbl_subject *about;
	struct net_op *op;       /* kept until the end: its answer is read */
	struct dnsbl_exam *exam; /* of a listing that is to be confirmed */
	bool listing;            /* the answer is one, be it true or not */
	enum said said;
	const char *why; /* SAID_FAILED; static */
};

struct dnsbl_asking {
	const struct dnsbl_zones *lists;
	struct arena *arena;
	bool no_memory; /* for a question */
	unsigned n, most;
	struct question v[];
};

/* ---- Asking ---- */

struct dnsbl_asking *dnsbl_ask_begin(struct arena *a, const struct dnsbl_zones *lists, unsigned most)
{
	struct dnsbl_asking *q = arena_alloc(a, sizeof *q + most * sizeof q->v[0]);

	if (q == NULL)
		return NULL;
	q->lists = lists;
	q->arena = a;
	q->most = most;
	return q;
}

/* The question that has been asked already, for the new kind as well. */
static bool was_asked(struct dnsbl_asking *q, unsigned zone, unsigned of, const struct dnsbl_subject *about)
{
	for (unsigned i = 0; i < q->n; i++) {
		struct question *k = &q->v[i];

		if (k->zone != zone || strcmp(k->about->domain, about->domain) != 0 ||
		    !ip_equal(&k->about->ip, &about->ip))
			continue;
		k->of |= of;
		return true;
	}
	return false;
}

static void set_failed(struct question *k, const char *why)
{
	k->said = SAID_FAILED;
	k->why = why;
}

static void ask_zone(struct dnsbl_asking *q, struct net_wait *w, unsigned zone, unsigned of,
		     const struct dnsbl_subject *about)
{
	const struct dnsbl_zone *z = &q->lists->zones[zone];
	struct question *k;
	char name[NAME_SIZE];

	if (q->n == q->most || was_asked(q, zone, of, about))
		return;
	if (about->ip.family == IP_V6 && dnsbl_guard_ipv6(z->guard) == DNSBL_IPV6_NO)
		return;
	if (dnsbl_question_name(z, about, name, sizeof name) != 0)
		return;
	k = &q->v[q->n++];
	*k = (struct question){ .zone = zone,
				.of = of,
				.side = about->ip.family == IP_V6 ? DNSBL_SIDE_V6 : DNSBL_SIDE_V4,
				.asked_ms = clock_mono_ms(),
				.about = about };
	if (dnsbl_guard_standing(z->guard) == DNSBL_SUSPENDED) {
		k->said = SAID_LEFT_OUT;
		return;
	}
	dnsbl_guard_asked(z->guard);
	k->op = dns_ask(w, name, DNS_A); /* NULL reads as a failure */
}

/* What several questions are about, in the arena. */
static struct dnsbl_subject *new_subject(struct dnsbl_asking *q, const struct ip *ip, const char *domain)
{
	struct dnsbl_subject *about = arena_alloc(q->arena, sizeof *about);

	q->no_memory = q->no_memory || about == NULL;
	if (about != NULL && ip != NULL)
		about->ip = *ip;
	else if (about != NULL)
		memcpy(about->domain, domain, strlen(domain));
	return about;
}

void dnsbl_ask_client(struct dnsbl_asking *q, struct net_wait *w, const struct ip *ip)
{
	const struct dnsbl_subject *about = q != NULL ? new_subject(q, ip, NULL) : NULL;

	for (unsigned i = 0; about != NULL && i < q->lists->n_zones; i++)
		if (q->lists->zones[i].of & DNSBL_OF_CLIENT)
			ask_zone(q, w, i, DNSBL_OF_CLIENT, about);
}

/* A host name of two labels or more that is not an address in disguise. */
static bool can_be_asked(const char *domain)
{
	size_t label = 0, n = 0;
	bool digits = true, dotted = false;

	for (const char *p = domain; *p != '\0'; p++, n++) {
		if (*p == '.') {
			if (label == 0)
				return false;
			dotted = digits = true;
			label = 0;
			continue;
		}
		if (!ascii_is_alpha(*p) && !ascii_is_digit(*p) && *p != '-' && *p != '_')
			return false;
		digits = digits && ascii_is_digit(*p);
		if (++label > LABEL_MAX)
			return false;
	}
	return dotted && label > 0 && !digits && n < DNSBL_DOMAIN_SIZE;
}

void dnsbl_ask_domain(struct dnsbl_asking *q, struct net_wait *w, enum dnsbl_of of, const char *domain)
{
	const struct dnsbl_subject *about;

	if (q == NULL || (q->lists->of & of & DNSBL_OF_DOMAIN) == 0 || !can_be_asked(domain))
		return;
	about = new_subject(q, NULL, domain);
	for (unsigned i = 0; about != NULL && i < q->lists->n_zones; i++)
		if (q->lists->zones[i].of & of & DNSBL_OF_DOMAIN)
			ask_zone(q, w, i, of, about);
}

void dnsbl_ask_end(struct dnsbl_asking *q)
{
	for (unsigned i = 0; q != NULL && i < q->n; i++) {
		net_op_free(&q->v[i].op);
		if (q->v[i].exam != NULL)
			dnsbl_exam_end(q->v[i].exam);
	}
	if (q != NULL)
		q->n = 0;
}

/* ---- Judging ---- */

static bool entry_hears(const struct dnsbl_entry *e, const struct question *k)
{
	return e->zone == k->zone && (e->of & k->of) != 0;
}

static bool entry_lists(const struct dnsbl_entry *e, const struct dns_answer *a)
{
	for (unsigned i = 0; a->status == DNS_OK && i < a->n; i++)
		if (dnsbl_codes_match(&e->codes, &a->v[i].ip))
			return true;
	return false;
}

/* Whether it is a listing for anybody: codes that no entry counts are none. */
static bool counts(const struct dnsbl_asking *q, const struct question *k, const struct dns_answer *a)
{
	for (unsigned i = 0; i < q->lists->n_entries; i++)
		if (entry_hears(&q->lists->entries[i], k) && entry_lists(&q->lists->entries[i], a))
			return true;
	return false;
}

static void judge_failure(const struct dnsbl_asking *q, struct question *k, int64_t now_ms)
{
	const struct dnsbl_zone *z = &q->lists->zones[k->zone];

	set_failed(k, dnsbl_failure(k->op));
	/* A list is not to blame when we ran out of time, or memory, before it could answer. */
	if (k->op != NULL && (net_op_done(k->op) || now_ms - k->asked_ms >= q->lists->timeout_ms / 2))
		dnsbl_guard_failed(z, k->why, now_ms);
}

/* A zone's answer, read once: a late one must not be half seen.  A listing that counts is left to confirm(). */
static void judge(const struct dnsbl_asking *q, struct question *k, int64_t now_ms)
{
	const struct dnsbl_zone *z = &q->lists->zones[k->zone];
	const struct dns_answer *a = dns_result(k->op);
	const struct ip *error = dnsbl_answer_error(a);

	if (a->status == DNS_FAILED) {
		judge_failure(q, k, now_ms);
	} else if (error != NULL) {
		dnsbl_guard_error(z, error, now_ms);
		k->said = SAID_LEFT_OUT;
	} else {
		k->listing = counts(q, k, a);
		if (!k->listing)
			k->said = SAID_CLEAR;
		dnsbl_guard_answered(z, k->about, k->listing, now_ms);
	}
}

/* What must be asked before a listing is believed (dnsbl_exam.h).  refuses: a listing of this batch could refuse. */
static unsigned wanted_controls(const struct dnsbl_asking *q, const struct question *k, bool refuses, int64_t now_ms,
				struct dnsbl_memory *memory)
{
	const struct dnsbl_zone *z = &q->lists->zones[k->zone];
	int64_t trust_ms = q->lists->trust_ms;
	bool trusted, suspects;

	if (!refuses && trust_ms < HARMLESS_TRUST_MS)
		trust_ms = HARMLESS_TRUST_MS;
	trusted = trust_ms > 0 && dnsbl_guard_trusts(z->guard, k->side, now_ms - trust_ms);
	suspects = dnsbl_guard_suspects(z->guard, trusted, now_ms, memory);
	if (dnsbl_guard_standing(z->guard) != DNSBL_IN_FORCE)
		return DNSBL_EXAM_PROBES | DNSBL_EXAM_CANARY | DNSBL_EXAM_RANDOM | DNSBL_EXAM_NEIGHBOURS;
	if (suspects)
		return DNSBL_EXAM_CANARY | DNSBL_EXAM_NEIGHBOURS;
	return trusted ? 0 : DNSBL_EXAM_CANARY | DNSBL_EXAM_SAMPLE;
}

static void confirm(struct dnsbl_asking *q, struct question *k, bool refuses, struct net_wait *w, int64_t now_ms)
{
	const struct dnsbl_zone *z = &q->lists->zones[k->zone];
	struct dnsbl_memory memory;
	unsigned parts;

	if (dnsbl_guard_standing(z->guard) == DNSBL_SUSPENDED) { /* another session has found out meanwhile */
		k->said = SAID_LEFT_OUT;
		return;
	}
	parts = wanted_controls(q, k, refuses, now_ms, &memory);
	if (parts == 0) {
		dnsbl_guard_believed(z->guard);
		k->said = SAID_LISTED;
		return;
	}
	k->exam = arena_alloc(q->arena, sizeof *k->exam);
	if (k->exam == NULL)
		set_failed(k, "out of memory");
	else
		dnsbl_exam_ask(k->exam, z, k->side, parts, &memory, w);
}

static void judge_all(struct dnsbl_asking *q, struct net_wait *w)
{
	int64_t now_ms = clock_mono_ms();
	bool refuses = false;

	for (unsigned i = 0; i < q->n; i++) {
		struct question *k = &q->v[i];

		if (k->said != SAID_NOTHING_YET || k->exam != NULL)
			continue;
		judge(q, k, now_ms);
		refuses = refuses || (k->listing && q->lists->zones[k->zone].refuses);
	}
	for (unsigned i = 0; i < q->n; i++)
		if (q->v[i].said == SAID_NOTHING_YET && q->v[i].exam == NULL)
			confirm(q, &q->v[i], refuses, w, now_ms);
}

static void conclude(const struct dnsbl_asking *q, struct question *k)
{
	const struct dnsbl_zone *z = &q->lists->zones[k->zone];
	struct dnsbl_exam *x = k->exam;
	int64_t now_ms = clock_mono_ms();

	k->exam = NULL;
	dnsbl_exam_judge(x);
	switch (x->finding) {
	case DNSBL_FOUND_WRONG:
		if (x->error.family != IP_NONE)
			dnsbl_guard_error(z, &x->error, now_ms);
		else
			dnsbl_guard_suspend(z, x->why, now_ms);
		k->said = SAID_LEFT_OUT;
		break;
	case DNSBL_FOUND_SILENCE:
		dnsbl_guard_failed(z, "no answer to a control question", now_ms);
		set_failed(k, "its listing could not be confirmed");
		break;
	case DNSBL_FOUND_NOTHING:
		if (x->ipv6 == DNSBL_IPV6_NO) { /* not proved to know what it lists */
			k->said = SAID_CLEAR;
			break;
		}
		if (x->parts & DNSBL_EXAM_CANARY)
			dnsbl_guard_controlled(z->guard, k->side, x->asked_ms);
		if (x->neighbours)
			dnsbl_guard_cleared(z->guard, now_ms);
		dnsbl_guard_believed(z->guard);
		k->said = SAID_LISTED;
		break;
	}
}

/* ---- Waiting ---- */

static int64_t sooner(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* All lists were asked at about the same time: waiting for one after the other is waiting for all. */
static void await_answers(struct dnsbl_asking *q, struct net_wait *w, int64_t deadline_ms)
{
	struct net_op *ops[AWAITED_AT_ONCE];
	int64_t until = deadline_ms;
	unsigned i = 0;

	while (i < q->n) {
		unsigned n = 0;

		for (; i < q->n && n < AWAITED_AT_ONCE; i++) {
			if (q->v[i].said != SAID_NOTHING_YET)
				continue;
			ops[n++] = q->v[i].op;
			until = sooner(until, q->v[i].asked_ms + q->lists->timeout_ms);
		}
		if (n > 0)
			(void)net_await(w, ops, n, until);
	}
}

/* Waits for the examinations of listings: in most sessions there is none, or one round. */
static void await_exams(struct dnsbl_asking *q, struct net_wait *w, int64_t deadline_ms)
{
	int64_t until = sooner(deadline_ms, clock_mono_ms() + q->lists->timeout_ms);
	bool more = false;

	for (unsigned i = 0; i < q->n; i++) {
		struct dnsbl_exam *x = q->v[i].exam;

		if (x == NULL)
			continue;
		(void)net_await(w, x->ops, x->n, until);
		more = dnsbl_exam_more(x, w) || more;
	}
	for (unsigned i = 0; more && i < q->n; i++)
		if (q->v[i].exam != NULL)
			(void)net_await(w, q->v[i].exam->ops, q->v[i].exam->n, until);
}

void dnsbl_await(struct dnsbl_asking *q, struct net_wait *w, int64_t deadline_ms)
{
	if (q == NULL)
		return;
	await_answers(q, w, deadline_ms);
	judge_all(q, w);
	await_exams(q, w, deadline_ms);
	for (unsigned i = 0; i < q->n; i++)
		if (q->v[i].exam != NULL)
			conclude(q, &q->v[i]);
}

bool dnsbl_poll(struct dnsbl_asking *q, struct net_wait *w)
{
	unsigned n = q != NULL ? q->n : 0;

	for (unsigned i = 0; i < n; i++)
		if (q->v[i].said == SAID_NOTHING_YET && !checks_answered(&q->v[i].op, 1))
			return false;
	if (n > 0)
		judge_all(q, w);
	for (unsigned i = 0; i < n; i++)
		if (q->v[i].exam != NULL)
			return false;
	return true;
}

/* ---- Reading ---- */

unsigned dnsbl_heard(const struct dnsbl_asking *q, unsigned entry, unsigned of, const char **why)
{
	const struct dnsbl_entry *e = &q->lists->entries[entry];
	unsigned heard = 0;

	for (unsigned i = 0; i < q->n; i++) {
		const struct question *k = &q->v[i];

		if ((k->of & of) == 0 || !entry_hears(e, k))
			continue;
		if (k->said == SAID_LISTED && entry_lists(e, dns_result(k->op)))
			heard |= DNSBL_HEARD_LISTED;
		if (k->said == SAID_LEFT_OUT && e->weight < 0 &&
		    dnsbl_guard_saved(q->lists->zones[k->zone].guard, k->about, entry))
			heard |= DNSBL_HEARD_LISTED;
		if (k->said == SAID_FAILED) {
			heard |= DNSBL_HEARD_FAILURE;
			*why = k->why;
		}
	}
	return heard;
}

void dnsbl_save(const struct dnsbl_asking *q, unsigned entry, unsigned of)
{
	const struct dnsbl_entry *e = &q->lists->entries[entry];

	for (unsigned i = 0; i < q->n; i++) {
		const struct question *k = &q->v[i];

		if ((k->of & of) != 0 && entry_hears(e, k) && k->said == SAID_LISTED &&
		    entry_lists(e, dns_result(k->op)))
			dnsbl_guard_save(q->lists->zones[k->zone].guard, k->about, entry);
	}
}

const struct dnsbl_zones *dnsbl_asking_lists(const struct dnsbl_asking *q)
{
	return q->no_memory ? NULL : q->lists;
}
