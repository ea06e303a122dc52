/*
 * The report for people and for programs.
 */
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "greylist/report.h"
#include "greylist/why.h"

enum { MS_PER_S = 1000, TIME_SIZE = 32, DELAY_SIZE = 32, PERCENT = 100 };

static const char *const fate_names[GREY_FATES] = {
	[GREY_FATE_MET] = "met",        [GREY_FATE_CLIENT] = "client",   [GREY_FATE_SHADOW] = "shadow",
	[GREY_FATE_BACK] = "came_back", [GREY_FATE_WAITING] = "waiting", [GREY_FATE_GONE] = "never_came_back"
};

/* RFC 3339, UTC. */
static const char *format_time(int64_t ms, char buf[TIME_SIZE])
{
	time_t seconds = (time_t)(ms / MS_PER_S);
	struct tm tm;

	buf[0] = '\0';
	if (ms >= 0 && gmtime_r(&seconds, &tm) != NULL)
		strftime(buf, TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return buf;
}

static bool is_delayed(const struct grey_contact *c)
{
	return c->fate == GREY_FATE_BACK || c->fate == GREY_FATE_WAITING || c->fate == GREY_FATE_GONE;
}

/* ---- For people ---- */

static void add_name(struct sbuf *out, const char *name)
{
	sbuf_addc(out, ' ');
	if (name[0] == '\0')
		sbuf_add(out, "<>");
	else
		sbuf_add_safe(out, name, strlen(name));
}

static void add_span(struct sbuf *out, int64_t ms, int width)
{
	char buf[DELAY_SIZE];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	grey_why_span(ms, &b);
	sbuf_addf(out, "%*s", width, buf);
}

static void add_period(const struct grey_report *r, struct sbuf *out)
{
	char from[TIME_SIZE], to[TIME_SIZE];

	sbuf_addf(out, "from %s to %s, %" PRIu64 " journal entries\n", format_time(r->since_ms, from),
		  format_time(r->journal.now_ms, to), r->journal.entries);
	if (r->journal.first_ms < 0)
		sbuf_add(out, "the journal is empty\n");
	else if (r->journal.first_ms > r->since_ms)
		sbuf_addf(out, "the journal begins at %s: of what was before, nothing is known\n",
			  format_time(r->journal.first_ms, from));
	if (r->journal.unreadable > 0)
		sbuf_addf(out, "%" PRIu64 " entries could not be read\n", r->journal.unreadable);
	if (r->missed > 0)
		sbuf_addf(out, "%" PRIu64 " attempts left out: more than %d contacts\n", r->missed, GREY_CONTACTS_MAX);
}

static void add_sum(struct sbuf *out, uint64_t n, uint64_t all, const char *what)
{
	sbuf_addf(out, "%10" PRIu64 "  %3" PRIu64 "%%  %s\n", n, all > 0 ? (n * PERCENT + all / 2) / all : 0, what);
}

static void add_sums(const struct grey_report *r, struct sbuf *out)
{
	uint64_t all = r->n_contacts;

	sbuf_addf(out, "\n%10" PRIu64 "        first contacts (client, sender and recipient)\n", all);
	add_sum(out, r->fates[GREY_FATE_MET], all, "not delayed: the recipient had written to the sender");
	add_sum(out, r->fates[GREY_FATE_CLIENT], all, "not delayed: the client had proved itself");
	if (r->fates[GREY_FATE_SHADOW] > 0)
		add_sum(out, r->fates[GREY_FATE_SHADOW], all, "not delayed: greylisting only watched");
	add_sum(out, r->fates[GREY_FATE_BACK], all, "delayed, and came back");
	add_sum(out, r->fates[GREY_FATE_WAITING], all, "delayed, and may still come back");
	add_sum(out, r->fates[GREY_FATE_GONE], all, "delayed, and never came back");
	sbuf_addf(out, "%10" PRIu64 "        messages of contacts that had passed before\n", r->words[GREY_WORD_KNOWN]);
	if (r->n_back == 0)
		return;
	sbuf_add(out, "\nthe delay of those that came back: half of them at most ");
	add_span(out, r->median_ms, 0);
	sbuf_add(out, ", nine of ten at most ");
	add_span(out, r->p90_ms, 0);
	sbuf_add(out, ", the longest ");
	add_span(out, r->max_ms, 0);
	sbuf_addc(out, '\n');
}

/* A table's heading, with how much of it is shown. */
static void add_heading(struct sbuf *out, const char *what, uint64_t n, unsigned limit, const char *columns)
{
	sbuf_addf(out, "\n%s", what);
	if (n > limit)
		sbuf_addf(out, " (%u of %" PRIu64 ")", limit, n);
	sbuf_addf(out, "\n%s\n", columns);
}

static void add_contact(struct sbuf *out, const struct grey_contact *c)
{
	char buf[TIME_SIZE];

	if (c->fate == GREY_FATE_BACK)
		add_span(out, c->delay_ms, 10);
	sbuf_addf(out, "%9" PRIu64 "%s  %s", c->attempts, c->older ? "+" : " ", format_time(c->first_ms, buf));
	add_name(out, c->identity);
	add_name(out, c->sender);
	add_name(out, c->recipient);
	sbuf_addc(out, '\n');
}

/* The latest ones: they are what an administrator may still do something about. */
static void add_latest(const struct grey_report *r, enum grey_fate fate, const char *what, unsigned limit,
		       struct sbuf *out)
{
	unsigned shown = 0;

	if (r->fates[fate] == 0 || limit == 0)
		return;
	add_heading(out, what, r->fates[fate], limit, " ATTEMPTS   FIRST                IDENTITY SENDER RECIPIENT");
	for (size_t i = r->n_contacts; i > 0 && shown < limit; i--) {
		if (r->contacts[i - 1].fate != fate)
			continue;
		add_contact(out, &r->contacts[i - 1]);
		shown++;
	}
}

static void add_longest(const struct grey_report *r, unsigned limit, struct sbuf *out)
{
	if (r->n_back == 0 || limit == 0)
		return;
	add_heading(out, "delayed, and came back: the longest first", r->n_back, limit,
		    "     DELAY ATTEMPTS   FIRST                IDENTITY SENDER RECIPIENT");
	for (size_t i = 0; i < r->n_back && i < limit; i++)
		add_contact(out, r->back[i]);
}

static void add_waiters(const struct grey_report *r, unsigned limit, struct sbuf *out)
{
	if (r->n_waiters == 0 || limit == 0)
		return;
	add_heading(out, "clients with the most contacts delayed", r->n_waiters, limit,
		    "   DELAYED  CAME BACK    WAITING      NEVER    LONGEST IDENTITY");
	for (size_t i = 0; i < r->n_waiters && i < limit; i++) {
		const struct grey_waiter *w = r->waiters[i];

		sbuf_addf(out, "%10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " ", w->delayed,
			  w->fates[GREY_FATE_BACK], w->fates[GREY_FATE_WAITING], w->fates[GREY_FATE_GONE]);
		if (w->fates[GREY_FATE_BACK] > 0)
			add_span(out, w->delay_ms, 10);
		else
			sbuf_addf(out, "%10s", "-");
		add_name(out, w->identity);
		sbuf_addc(out, '\n');
	}
}

void grey_report_text(const struct grey_report *r, unsigned limit, struct sbuf *out)
{
	add_period(r, out);
	add_sums(r, out);
	add_longest(r, limit, out);
	add_latest(r, GREY_FATE_WAITING, "delayed, and may still come back: the latest first", limit, out);
	add_latest(r, GREY_FATE_GONE, "never came back: the latest first", limit, out);
	add_waiters(r, limit, out);
}

/* ---- JSON ---- */

static void add_field(struct sbuf *out, const char *name, const char *value)
{
	sbuf_addf(out, "\"%s\":", name);
	sbuf_add_json(out, value, strlen(value));
}

static void add_number(struct sbuf *out, const char *name, int64_t value)
{
	if (value < 0)
		sbuf_addf(out, "\"%s\":null", name);
	else
		sbuf_addf(out, "\"%s\":%" PRId64, name, value);
}

static void add_time(struct sbuf *out, const char *name, int64_t ms)
{
	char buf[TIME_SIZE];

	if (ms < 0)
		sbuf_addf(out, "\"%s\":null", name);
	else
		add_field(out, name, format_time(ms, buf));
}

static void add_journal(const struct grey_report *r, struct sbuf *out)
{
	add_time(out, "from", r->since_ms);
	sbuf_addc(out, ',');
	add_time(out, "to", r->journal.now_ms);
	sbuf_addc(out, ',');
	add_time(out, "journal_begins", r->journal.first_ms);
	sbuf_addf(out, ",\"journal_reaches_back\":%s,\"entries\":%" PRIu64 ",\"unreadable\":%" PRIu64 ",\n",
		  r->journal.first_ms >= 0 && r->journal.first_ms <= r->since_ms ? "true" : "false", r->journal.entries,
		  r->journal.unreadable);
}

static void add_totals(const struct grey_report *r, struct sbuf *out)
{
	static const char *const words[GREY_WORDS] = { "defer", "pass", "known", "client", "met" };

	sbuf_addf(out, "\"first_contacts\":%zu,\"left_out\":%" PRIu64 ",\"contacts\":{", r->n_contacts, r->missed);
	for (unsigned i = 0; i < GREY_FATES; i++)
		sbuf_addf(out, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", fate_names[i], r->fates[i]);
	sbuf_add(out, "},\n\"attempts\":{");
	for (unsigned i = 0; i < GREY_WORDS; i++)
		sbuf_addf(out, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", words[i], r->words[i]);
	sbuf_add(out, "},\n\"delay_ms\":{");
	add_number(out, "median", r->median_ms);
	sbuf_addc(out, ',');
	add_number(out, "p90", r->p90_ms);
	sbuf_addc(out, ',');
	add_number(out, "max", r->max_ms);
	sbuf_add(out, "},\n");
}

static void add_contact_json(const struct grey_contact *c, struct sbuf *out)
{
	sbuf_addc(out, '{');
	add_field(out, "identity", c->identity);
	sbuf_addc(out, ',');
	add_field(out, "sender", c->sender);
	sbuf_addc(out, ',');
	add_field(out, "recipient", c->recipient);
	sbuf_addf(out, ",\"fate\":\"%s\",", fate_names[c->fate]);
	add_field(out, "why", c->why);
	sbuf_addc(out, ',');
	add_time(out, "first", c->first_ms);
	sbuf_addc(out, ',');
	add_time(out, "last", c->last_ms);
	sbuf_addf(out, ",\"attempts\":%" PRIu64, c->attempts);
	if (c->older)
		sbuf_add(out, ",\"began_before\":true");
	if (c->fate == GREY_FATE_BACK)
		sbuf_addf(out, ",\"delay_ms\":%" PRId64, c->delay_ms);
	sbuf_addc(out, '}');
}

static void add_waiter_json(const struct grey_waiter *w, struct sbuf *out)
{
	sbuf_addc(out, '{');
	add_field(out, "identity", w->identity);
	sbuf_addf(out, ",\"delayed\":%" PRIu64, w->delayed);
	for (unsigned i = 0; i < GREY_FATES; i++)
		if (i == GREY_FATE_BACK || i == GREY_FATE_WAITING || i == GREY_FATE_GONE)
			sbuf_addf(out, ",\"%s\":%" PRIu64, fate_names[i], w->fates[i]);
	if (w->fates[GREY_FATE_BACK] > 0)
		sbuf_addf(out, ",\"longest_ms\":%" PRId64, w->delay_ms);
	sbuf_addc(out, '}');
}

void grey_report_json(const struct grey_report *r, struct sbuf *out)
{
	bool first = true;

	sbuf_add(out, "{");
	add_journal(r, out);
	add_totals(r, out);
	sbuf_add(out, "\"delayed\":[");
	for (size_t i = 0; i < r->n_contacts; i++) {
		if (!is_delayed(&r->contacts[i]))
			continue;
		sbuf_add(out, first ? "\n" : ",\n");
		add_contact_json(&r->contacts[i], out);
		first = false;
	}
	sbuf_add(out, "],\n\"clients\":[");
	for (size_t i = 0; i < r->n_waiters; i++) {
		sbuf_add(out, i == 0 ? "\n" : ",\n");
		add_waiter_json(r->waiters[i], out);
	}
	sbuf_add(out, "]}\n");
}
