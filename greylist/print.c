/*
 * Greylist entries for people and for programs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "greylist/admin.h"
#include "greylist/why.h"

enum { MS_PER_S = 1000, TIME_SIZE = 32, REASON_SIZE = 256 };

static const char *const state_names[] = {
	[GREY_WAITING] = "waiting", [GREY_READY] = "ready", [GREY_PASSED] = "passed"
};

/* RFC 3339, UTC; "" when unknown. */
static const char *format_time(int64_t ms, char buf[TIME_SIZE])
{
	time_t seconds = (time_t)(ms / MS_PER_S);
	struct tm tm;

	buf[0] = '\0';
	if (ms > 0 && gmtime_r(&seconds, &tm) != NULL)
		strftime(buf, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return buf;
}

static void add_name(struct sbuf *out, const char *name)
{
	if (name[0] == '\0')
		sbuf_add(out, "<>");
	else
		sbuf_add_safe(out, name, strlen(name));
}

static void add_parts(struct sbuf *out, const struct grey_entry *e)
{
	for (unsigned i = 0; i < grey_key_parts(e->kind); i++) {
		if (i > 0)
			sbuf_addc(out, ' ');
		add_name(out, e->part[i]);
	}
}

void grey_entry_line(const struct grey_entry *e, struct sbuf *out)
{
	switch (e->kind) {
	case GREY_TRIPLETS:
		sbuf_addf(out, "%-7s ", state_names[e->state]);
		add_parts(out, e);
		sbuf_addf(out, " attempts=%" PRId64 " passes=%" PRId64, e->record.attempts, e->record.passes);
		if (e->state == GREY_WAITING) {
			sbuf_add(out, " passes in ");
			grey_why_span(e->wait_ms, out);
		}
		break;
	case GREY_CLIENTS:
		sbuf_addf(out, "%-7s ", e->count >= e->needed ? "known" : "unknown");
		add_parts(out, e);
		if (e->count >= GREY_TRUSTED)
			sbuf_add(out, " by hand");
		else
			sbuf_addf(out, " days=%" PRId64, e->count);
		break;
	case GREY_CORRESPONDENTS:
	case GREY_KINDS:
		sbuf_add(out, "met     ");
		add_parts(out, e);
		break;
	}
	sbuf_addc(out, '\n');
}

/* ---- In full ---- */

static void add_label(struct sbuf *out, const char *label)
{
	sbuf_addf(out, "  %-11s", label);
}

static void add_moment(struct sbuf *out, const char *label, const struct grey_entry *e, int64_t ms)
{
	char buf[TIME_SIZE];

	if (ms <= 0)
		return;
	add_label(out, label);
	sbuf_addf(out, "%s, ", format_time(ms, buf));
	grey_why_span(e->now_ms - ms, out);
	sbuf_add(out, " ago\n");
}

static void add_end(struct sbuf *out, int64_t ttl_ms)
{
	if (ttl_ms < 0) {
		sbuf_add(out, "never: the key has no TTL");
		return;
	}
	sbuf_add(out, "in ");
	grey_why_span(ttl_ms, out);
}

static void add_state(struct sbuf *out, const struct grey_entry *e)
{
	add_label(out, "state");
	switch (e->state) {
	case GREY_WAITING:
		sbuf_add(out, "waiting: passes in ");
		grey_why_span(e->wait_ms, out);
		break;
	case GREY_READY:
		sbuf_add(out, "ready: the next attempt passes");
		break;
	case GREY_PASSED:
		sbuf_add(out, "passed");
		break;
	}
	sbuf_addc(out, '\n');
}

static bool has_identity(const struct grey_entry *e)
{
	return e->record.code[0] != '\0' && (e->record.code[0] != '-' || e->record.code[2] != GREY_DELAY_ALLOWED);
}

static void add_reasons(struct sbuf *out, const struct grey_entry *e)
{
	const char *code = e->record.code;

	if (code[0] == '\0')
		return;
	if (has_identity(e)) {
		add_label(out, "identity");
		grey_why_identity((enum grey_spf)code[0], (enum grey_host)code[1], out);
		sbuf_addc(out, '\n');
	}
	add_label(out, "delay");
	grey_why_delay(e->record.delay_ms, (enum grey_delay)code[2], out);
	sbuf_addc(out, '\n');
}

static void add_count(struct sbuf *out, const struct grey_entry *e)
{
	if (e->count >= GREY_TRUSTED)
		sbuf_add(out, "known: allowed by hand");
	else if (e->count >= e->needed)
		sbuf_addf(out, "known: proved itself on %" PRId64 " days", e->count);
	else
		sbuf_addf(out, "not known yet: %" PRId64 " of %" PRId64 " days", e->count, e->needed);
}

/* What lets through whatever the triplet says. */
static void add_bearing(struct sbuf *out, const struct grey_entry *e)
{
	if (e->count > 0) {
		add_label(out, "client");
		add_count(out, e);
		sbuf_add(out, ", forgotten ");
		add_end(out, e->client_ttl_ms);
		sbuf_addc(out, '\n');
	}
	for (unsigned i = 0; i < GREY_MET_KEYS; i++) {
		if (e->remote[i] == NULL)
			continue;
		add_label(out, "met");
		sbuf_add(out, "the recipient has written to ");
		add_name(out, e->remote[i]);
		if (i == GREY_MET_DOMAIN)
			sbuf_add(out, " (counts for clients that belong to it)");
		sbuf_add(out, ", forgotten ");
		add_end(out, e->met_ttl_ms[i]);
		sbuf_addc(out, '\n');
	}
}

void grey_entry_text(const struct grey_entry *e, struct sbuf *out)
{
	add_parts(out, e);
	sbuf_addc(out, '\n');
	if (e->kind == GREY_TRIPLETS) {
		add_state(out, e);
		add_reasons(out, e);
		add_moment(out, "first seen", e, e->record.first_ms);
		add_moment(out, "last seen", e, e->record.last_ms);
		add_label(out, "attempts");
		sbuf_addf(out, "%" PRId64 "\n", e->record.attempts);
		add_label(out, "passes");
		sbuf_addf(out, "%" PRId64 "\n", e->record.passes);
		add_bearing(out, e);
	} else {
		add_label(out, "state");
		if (e->kind == GREY_CLIENTS)
			add_count(out, e);
		else
			sbuf_add(out, "the second has written to the first");
		sbuf_addc(out, '\n');
	}
	add_label(out, "forgotten");
	add_end(out, e->ttl_ms);
	sbuf_addc(out, '\n');
}

/* ---- JSON ---- */

static void add_field(struct sbuf *out, const char *name, const char *value)
{
	sbuf_addf(out, "\"%s\":", name);
	sbuf_add_json(out, value, strlen(value));
	sbuf_addc(out, ',');
}

static void add_reason_fields(struct sbuf *out, const struct grey_entry *e)
{
	char buf[REASON_SIZE];
	struct sbuf b;

	if (e->record.code[0] == '\0')
		return;
	sbuf_fixed(&b, buf, sizeof buf);
	if (has_identity(e)) {
		grey_why_identity((enum grey_spf)e->record.code[0], (enum grey_host)e->record.code[1], &b);
		add_field(out, "identity_by", buf);
		sbuf_reset(&b);
	}
	grey_why_delay(e->record.delay_ms, (enum grey_delay)e->record.code[2], &b);
	add_field(out, "delay", buf);
	sbuf_addf(out, "\"delay_ms\":%" PRId64 ",", e->record.delay_ms);
}

static void add_bearing_fields(struct sbuf *out, const struct grey_entry *e)
{
	bool first = true;

	if (e->count > 0)
		sbuf_addf(out, "\"client\":{\"known\":%s,\"days\":%" PRId64 ",\"ttl_ms\":%" PRId64 "},",
			  e->count >= e->needed ? "true" : "false", e->count, e->client_ttl_ms);
	for (unsigned i = 0; i < GREY_MET_KEYS; i++) {
		if (e->remote[i] == NULL)
			continue;
		sbuf_addf(out, "%s{\"remote\":", first ? "\"met\":[" : ",");
		sbuf_add_json(out, e->remote[i], strlen(e->remote[i]));
		sbuf_addf(out, ",\"ttl_ms\":%" PRId64 "}", e->met_ttl_ms[i]);
		first = false;
	}
	if (!first)
		sbuf_add(out, "],");
}

static void add_triplet_fields(struct sbuf *out, const struct grey_entry *e)
{
	const struct grey_record *r = &e->record;
	char buf[TIME_SIZE];

	add_field(out, "state", state_names[e->state]);
	add_reason_fields(out, e);
	add_field(out, "first_seen", format_time(r->first_ms, buf));
	add_field(out, "last_seen", format_time(r->last_ms, buf));
	sbuf_addf(out,
		  "\"attempts\":%" PRId64 ",\"passes\":%" PRId64 ",\"age_ms\":%" PRId64 ",\"wait_ms\":%" PRId64 ",",
		  r->attempts, r->passes, r->first_ms > 0 ? e->now_ms - r->first_ms : 0, e->wait_ms);
	add_bearing_fields(out, e);
}

void grey_entry_json(const struct grey_entry *e, struct sbuf *out)
{
	static const char *const names[GREY_KINDS][GREY_PARTS] = {
		[GREY_TRIPLETS] = { "identity", "sender", "recipient" },
		[GREY_CLIENTS] = { "identity", "sender_domain", NULL },
		[GREY_CORRESPONDENTS] = { "remote", "local", NULL },
	};

	sbuf_addc(out, '{');
	for (unsigned i = 0; i < grey_key_parts(e->kind); i++)
		add_field(out, names[e->kind][i], e->part[i]);
	if (e->kind == GREY_TRIPLETS)
		add_triplet_fields(out, e);
	if (e->kind == GREY_CLIENTS)
		sbuf_addf(out, "\"known\":%s,\"days\":%" PRId64 ",", e->count >= e->needed ? "true" : "false",
			  e->count);
	sbuf_addf(out, "\"ttl_ms\":%" PRId64 "}", e->ttl_ms);
}
