/*
 * Greylist entries for people and for programs.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "greylist/admin.h"

enum { MS_PER_S = 1000, TIME_SIZE = 32 };

static const char *const state_names[] = {
	[GREY_WAITING] = "waiting", [GREY_READY] = "ready", [GREY_PASSED] = "passed"
};

/* The two greatest units: "13d 4h", "4h 59m", "7s"; rounded up to whole seconds, so that nothing is over too early. */
static void add_span(struct sbuf *out, int64_t ms)
{
	static const struct {
		const char *name;
		int64_t seconds;
	} units[] = { { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 } };
	int64_t left = ms > 0 ? (ms + MS_PER_S - 1) / MS_PER_S : 0;
	unsigned shown = 0;

	for (unsigned i = 0; i < sizeof units / sizeof units[0] && shown < 2; i++) {
		int64_t n = left / units[i].seconds;

		if (n == 0 && (shown == 0 || left == 0) && units[i].seconds > 1)
			continue;
		if (n == 0 && shown > 0)
			break;
		sbuf_addf(out, "%s%" PRId64 "%s", shown++ > 0 ? " " : "", n, units[i].name);
		left -= n * units[i].seconds;
	}
}

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

static void add_triplet(struct sbuf *out, const struct grey_triplet *t)
{
	add_name(out, t->identity);
	sbuf_addc(out, ' ');
	add_name(out, t->sender);
	sbuf_addc(out, ' ');
	add_name(out, t->recipient);
}

void grey_entry_line(const struct grey_entry *e, struct sbuf *out)
{
	sbuf_addf(out, "%-7s ", state_names[e->state]);
	add_triplet(out, &e->triplet);
	sbuf_addf(out, " attempts=%" PRId64 " passes=%" PRId64, e->attempts, e->passes);
	if (e->state == GREY_WAITING) {
		sbuf_add(out, " passes in ");
		add_span(out, e->wait_ms);
	}
	sbuf_addc(out, '\n');
}

static void add_moment(struct sbuf *out, const char *label, const struct grey_entry *e, int64_t ms)
{
	char buf[TIME_SIZE];

	if (ms <= 0)
		return;
	sbuf_addf(out, "  %-11s%s, ", label, format_time(ms, buf));
	add_span(out, e->now_ms - ms);
	sbuf_add(out, " ago\n");
}

void grey_entry_text(const struct grey_entry *e, struct sbuf *out)
{
	add_triplet(out, &e->triplet);
	sbuf_addf(out, "\n  %-11s", "state");
	switch (e->state) {
	case GREY_WAITING:
		sbuf_add(out, "waiting: passes in ");
		add_span(out, e->wait_ms);
		break;
	case GREY_READY:
		sbuf_add(out, "ready: the next attempt passes");
		break;
	case GREY_PASSED:
		sbuf_add(out, "passed");
		break;
	}
	sbuf_addc(out, '\n');
	add_moment(out, "first seen", e, e->first_ms);
	add_moment(out, "last seen", e, e->last_ms);
	sbuf_addf(out, "  %-11s%" PRId64 "\n  %-11s%" PRId64 "\n", "attempts", e->attempts, "passes", e->passes);
	sbuf_addf(out, "  %-11s", "forgotten");
	if (e->ttl_ms < 0) {
		sbuf_add(out, "never: the key has no TTL");
	} else {
		sbuf_add(out, "in ");
		add_span(out, e->ttl_ms);
	}
	sbuf_addc(out, '\n');
}

static void add_field(struct sbuf *out, const char *name, const char *value)
{
	sbuf_addf(out, "\"%s\":", name);
	sbuf_add_json(out, value, strlen(value));
	sbuf_addc(out, ',');
}

void grey_entry_json(const struct grey_entry *e, struct sbuf *out)
{
	char buf[TIME_SIZE];

	sbuf_addc(out, '{');
	add_field(out, "identity", e->triplet.identity);
	add_field(out, "sender", e->triplet.sender);
	add_field(out, "recipient", e->triplet.recipient);
	add_field(out, "state", state_names[e->state]);
	add_field(out, "first_seen", format_time(e->first_ms, buf));
	add_field(out, "last_seen", format_time(e->last_ms, buf));
	sbuf_addf(out,
		  "\"attempts\":%" PRId64 ",\"passes\":%" PRId64 ",\"age_ms\":%" PRId64 ",\"wait_ms\":%" PRId64
		  ",\"ttl_ms\":%" PRId64 "}",
		  e->attempts, e->passes, e->first_ms > 0 ? e->now_ms - e->first_ms : 0, e->wait_ms, e->ttl_ms);
}
