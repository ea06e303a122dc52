/*
 * The report: what is made of attempts, and reading them from a journal in a real Redis.
 */
#include "greylist/report.h"

#include <stdio.h>
#include <string.h>

#include "t/lib/tap.h"
#include "t/unit/net_fixture.h"

enum { MINUTE_MS = 60000, HOUR_MS = 3600000, WINDOW_MS = 5 * HOUR_MS, MANY = 300 };

static struct grey_settings settings = { .retry_window = WINDOW_MS };
static struct grey_admin admin = { .prefix = "p:", .settings = &settings, .timeout_ms = 10000 };

/* ---- Without Redis ---- */

static struct grey_gather *gather;
static struct grey_report report;

static void begin(void)
{
	gather = grey_gather_new(WINDOW_MS);
}

static void attempt(int64_t ms, const char *sender, enum grey_word word, int64_t waited_ms)
{
	const struct grey_attempt a = { .ms = ms,
					.waited_ms = waited_ms,
					.word = word,
					.deferred = word == GREY_WORD_DEFER,
					.identity = "192.0.2.0/24",
					.sender = sender,
					.recipient = "bob@example.net",
					.why = "why" };

	grey_gather_add(gather, &a);
}

static void finish(int64_t now_ms)
{
	memset(&report, 0, sizeof report);
	ok(grey_gather_finish(gather, now_ms, &report), "summed up");
}

static void end(void)
{
	grey_report_free(&gather);
}

static void test_fates(void)
{
	const int64_t t = 1000 * (int64_t)HOUR_MS;

	begin();
	attempt(t, "back@x", GREY_WORD_DEFER, -1);
	attempt(t + 5000, "back@x", GREY_WORD_DEFER, -1);
	attempt(t + 5 * MINUTE_MS, "back@x", GREY_WORD_PASS, 300000);
	attempt(t + 9 * MINUTE_MS, "back@x", GREY_WORD_KNOWN, -1);
	attempt(t, "met@x", GREY_WORD_MET, 0);
	attempt(t + MINUTE_MS, "met@x", GREY_WORD_PASS, 60000);
	attempt(t, "client@x", GREY_WORD_CLIENT, 0);
	attempt(t + 1, "client@x", GREY_WORD_CLIENT, 1);
	attempt(t, "gone@x", GREY_WORD_DEFER, -1);
	attempt(t + 2 * HOUR_MS, "waiting@x", GREY_WORD_DEFER, -1);
	attempt(t, "old@x", GREY_WORD_KNOWN, -1);
	attempt(t, "older@x", GREY_WORD_PASS, 2 * HOUR_MS);
	finish(t + 6 * HOUR_MS);
	is_int(report.n_contacts, 6, "first contacts: all but the one that had passed before");
	is_int(report.fates[GREY_FATE_BACK], 2, "came back");
	is_int(report.fates[GREY_FATE_MET], 1, "was written to: once, though it would also have passed later");
	is_int(report.fates[GREY_FATE_CLIENT], 1, "had proved itself");
	is_int(report.fates[GREY_FATE_GONE], 1, "never came back");
	is_int(report.fates[GREY_FATE_WAITING], 1, "may still come back");
	is_int(report.words[GREY_WORD_KNOWN], 2, "messages that passed as others had before");
	is_int(report.contacts[0].attempts, 3, "its attempts, up to the one that passed");
	is_int(report.contacts[0].delay_ms, 5 * MINUTE_MS, "its delay");
	is_str(report.contacts[0].sender, "back@x", "whose it was");
	is_int(report.max_ms, 2 * HOUR_MS, "the longest delay: of one that began before");
	ok(report.back[0]->older && report.back[0]->first_ms == t - 2 * HOUR_MS, "which is said");
	is_int(report.median_ms, 5 * MINUTE_MS, "the median");
	is_int(report.n_waiters, 1, "one client");
	is_int(report.waiters[0]->delayed, 4, "with so many delayed");
	is_int(report.waiters[0]->delay_ms, 2 * HOUR_MS, "the longest of its delays");
	end();
}

static void test_again(void)
{
	begin();
	attempt(0, "a@x", GREY_WORD_DEFER, -1);
	attempt(WINDOW_MS, "a@x", GREY_WORD_DEFER, -1);
	attempt(WINDOW_MS + 1, "a@x", GREY_WORD_DEFER, -1);
	attempt(WINDOW_MS + MINUTE_MS, "a@x", GREY_WORD_PASS, MINUTE_MS);
	attempt(WINDOW_MS * 9, "a@x", GREY_WORD_DEFER, -1);
	finish(WINDOW_MS * 9 + 1);
	is_int(report.n_contacts, 3, "after the window, and after a pass was forgotten, it is new");
	is_int(report.contacts[0].fate, GREY_FATE_GONE, "the first did not come back");
	is_int(report.contacts[0].attempts, 2, "after two attempts");
	is_int(report.contacts[1].delay_ms, MINUTE_MS - 1, "the second did");
	is_int(report.contacts[2].fate, GREY_FATE_WAITING, "the third waits");
	end();
	begin();
	attempt(0, "a@x", GREY_WORD_DEFER, -1);
	attempt(MINUTE_MS, "a@x", GREY_WORD_MET, MINUTE_MS);
	finish(HOUR_MS);
	is_int(report.fates[GREY_FATE_BACK], 1, "who becomes a correspondent meanwhile has waited");
	is_int(report.p90_ms, MINUTE_MS, "until then");
	end();
}

/* The policy protocol does not tell the end of a refused transaction: it is written down when the next one begins. */
static void test_late(void)
{
	begin();
	attempt(3 * MINUTE_MS, "a@x", GREY_WORD_PASS, 3 * MINUTE_MS);
	attempt(MINUTE_MS, "a@x", GREY_WORD_DEFER, -1);
	attempt(500, "a@x", GREY_WORD_DEFER, -1);
	finish(HOUR_MS);
	is_int(report.n_contacts, 1, "deferrals told after the passage: one contact");
	is_int(report.fates[GREY_FATE_BACK], 1, "which came back");
	is_int(report.contacts[0].attempts, 3, "at the third attempt");
	ok(!report.contacts[0].older && report.contacts[0].delay_ms == 3 * MINUTE_MS - 500, "counted from the first");
	end();
}

static void test_shadow(void)
{
	struct grey_attempt a = {
		.word = GREY_WORD_DEFER, .waited_ms = -1, .identity = "i", .sender = "s", .recipient = "r", .why = ""
	};

	begin();
	grey_gather_add(gather, &a);
	a.word = GREY_WORD_PASS;
	a.ms = a.waited_ms = HOUR_MS;
	grey_gather_add(gather, &a);
	finish(2 * HOUR_MS);
	is_int(report.fates[GREY_FATE_SHADOW], 1, "what was let through all the same was not delayed");
	is_int(report.n_contacts, 1, "nor does it come back");
	is_int(report.median_ms, -1, "there is no delay");
	end();
}

static void test_percentiles(void)
{
	begin();
	for (int i = 1; i <= 10; i++) {
		char sender[16];

		snprintf(sender, sizeof sender, "%d@x", i);
		attempt(0, sender, GREY_WORD_DEFER, -1);
		attempt(i * 1000, sender, GREY_WORD_PASS, i * 1000);
	}
	finish(HOUR_MS);
	is_int(report.median_ms, 5000, "the median of ten");
	is_int(report.p90_ms, 9000, "nine of ten");
	is_int(report.max_ms, 10000, "all");
	end();
}

static const char *text(unsigned limit, bool json)
{
	static char buf[8192];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	if (json)
		grey_report_json(&report, &b);
	else
		grey_report_text(&report, limit, &b);
	return buf;
}

static void test_print(void)
{
	const int64_t t = INT64_C(1767323042678);

	begin();
	attempt(t, "b\x1b[1m\"x@y", GREY_WORD_DEFER, -1);
	attempt(t + 90000, "b\x1b[1m\"x@y", GREY_WORD_PASS, 90000);
	attempt(t + 1000, "", GREY_WORD_DEFER, -1);
	attempt(t + 2000, "gone@y", GREY_WORD_DEFER, -1);
	finish(t + WINDOW_MS + 1500);
	report.since_ms = t - HOUR_MS;
	report.journal = (struct grey_journal){ .now_ms = t + WINDOW_MS, .first_ms = t, .entries = 4 };
	is_str(text(1, false),
	       "from 2026-01-02T02:04:02Z to 2026-01-02T08:04:02Z, 4 journal entries\n"
	       "the journal begins at 2026-01-02T03:04:02Z: of what was before, nothing is known\n"
	       "\n"
	       "         3        first contacts (client, sender and recipient)\n"
	       "         0    0%  not delayed: the recipient had written to the sender\n"
	       "         0    0%  not delayed: the client had proved itself\n"
	       "         1   33%  delayed, and came back\n"
	       "         1   33%  delayed, and may still come back\n"
	       "         1   33%  delayed, and never came back\n"
	       "         0        messages of contacts that had passed before\n"
	       "\n"
	       "the delay of those that came back: half of them at most 1m 30s, nine of ten at most 1m 30s, "
	       "the longest 1m 30s\n"
	       "\n"
	       "delayed, and came back: the longest first\n"
	       "     DELAY ATTEMPTS   FIRST                IDENTITY SENDER RECIPIENT\n"
	       "    1m 30s        2   2026-01-02T03:04:02Z 192.0.2.0/24 b\\x1b[1m\"x@y bob@example.net\n"
	       "\n"
	       "delayed, and may still come back: the latest first\n"
	       " ATTEMPTS   FIRST                IDENTITY SENDER RECIPIENT\n"
	       "        1   2026-01-02T03:04:04Z 192.0.2.0/24 gone@y bob@example.net\n"
	       "\n"
	       "never came back: the latest first\n"
	       " ATTEMPTS   FIRST                IDENTITY SENDER RECIPIENT\n"
	       "        1   2026-01-02T03:04:03Z 192.0.2.0/24 <> bob@example.net\n"
	       "\n"
	       "clients with the most contacts delayed\n"
	       "   DELAYED  CAME BACK    WAITING      NEVER    LONGEST IDENTITY\n"
	       "         3          1          1          1     1m 30s 192.0.2.0/24\n",
	       "for people");
	ok(strstr(text(0, false), "IDENTITY") == NULL, "no line of any kind");
	ok(strstr(text(0, true), "\"contacts\":{\"met\":0,\"client\":0,\"shadow\":0,\"came_back\":1,\"waiting\":1,"
				 "\"never_came_back\":1}") != NULL,
	   "JSON: the sums");
	ok(strstr(text(0, true), "{\"identity\":\"192.0.2.0/24\",\"sender\":\"b\\u001b[1m\\\"x@y\","
				 "\"recipient\":\"bob@example.net\",\"fate\":\"came_back\",\"why\":\"why\","
				 "\"first\":\"2026-01-02T03:04:02Z\",\"last\":\"2026-01-02T03:05:32Z\","
				 "\"attempts\":2,\"delay_ms\":90000}") != NULL,
	   "JSON: a contact");
	ok(strstr(text(0, true), "\"journal_reaches_back\":false") != NULL, "JSON: how far the journal reaches");
	end();
}

static void test_limit(void)
{
	begin();
	for (int i = 0; i < 3; i++) {
		char sender[16];

		snprintf(sender, sizeof sender, "%d@x", i);
		attempt(i, sender, GREY_WORD_DEFER, -1);
	}
	finish(HOUR_MS);
	ok(strstr(text(2, false), "may still come back: the latest first (2 of 3)\n") != NULL,
	   "what is left out is said");
	ok(strstr(text(2, false), " 0@x ") == NULL && strstr(text(2, false), " 2@x ") != NULL, "the oldest is");
	end();
}

/* ---- With Redis ---- */

static void entry(const char *id, const char *name, const char *value)
{
	struct redis_word words[] = { { "XADD", 4 }, { "p:journal", 9 },     { id, strlen(id) },      { "id", 2 },
				      { "x", 1 },    { name, strlen(name) }, { value, strlen(value) } };
	struct net_op *op = redis_ask(admin.wait, words, sizeof words / sizeof words[0]);

	fixture_await(admin.wait, op);
	is_int(redis_result(op)->kind, REDIS_STRING, "an entry");
	net_op_free(&op);
}

/* One that took a while. */
static void slow_entry(const char *id, const char *took)
{
	static const char recipients[] =
		"[{\"to\":\"b\",\"facts\":{\"greylist\":\"known\",\"greylist_identity\":\"i\"}}]";
	struct redis_word words[] = { { "XADD", 4 },
				      { "p:journal", 9 },
				      { id, strlen(id) },
				      { "recipients", 10 },
				      { recipients, sizeof recipients - 1 },
				      { "ms", 2 },
				      { took, strlen(took) } };
	struct net_op *op = redis_ask(admin.wait, words, sizeof words / sizeof words[0]);

	fixture_await(admin.wait, op);
	net_op_free(&op);
}

static void flush(void)
{
	struct redis_word words[] = { { "FLUSHALL", 8 } };
	struct net_op *op = redis_ask(admin.wait, words, 1);

	fixture_await(admin.wait, op);
	net_op_free(&op);
}

struct heard {
	unsigned n;
	int64_t last_ms;
	char text[1024];
};

static void hear(void *ctx, const struct grey_attempt *a)
{
	struct heard *h = ctx;

	h->n++;
	ok(a->ms >= h->last_ms, "in order");
	h->last_ms = a->ms;
	if (strlen(h->text) < sizeof h->text / 2)
		snprintf(h->text + strlen(h->text), sizeof h->text / 2, "%d %d %s %s %s %d\n", (int)a->word,
			 (int)a->deferred, a->identity, a->sender, a->recipient, (int)a->waited_ms);
}

static struct heard walk(int64_t since_ms, struct grey_journal *journal)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct heard h = { 0 };

	is_int(grey_journal_walk(&admin, since_ms, hear, &h, journal, &errors), 0, "walked");
	error_clear(&errors);
	return h;
}

static void test_walk(void)
{
	struct grey_journal journal;
	struct heard h;

	h = walk(0, &journal);
	ok(h.n == 0 && journal.first_ms == -1 && journal.now_ms > 0, "no journal");
	entry("1000-0", "recipients",
	      "[{\"to\":\"BOB@example.net\",\"verdict\":\"defer\",\"fate\":\"x\",\"code\":451,\"rule\":\"greylist: triplet\","
	      "\"facts\":{\"greylist\":\"defer\",\"greylist_wait\":\"10\",\"greylist_identity\":\"i\","
	      "\"greylist_sender\":\"s@x\",\"greylist_why\":\"w\"}},"
	      "{\"to\":\"carol@example.net\",\"verdict\":\"accept\",\"facts\":{\"greylist\":\"pass\","
	      "\"greylist_identity\":\"i\",\"greylist_sender\":\"\",\"greylist_waited\":\"12\"}}]");
	entry("1000-1", "recipients", "[{\"to\":\"dave@example.net\",\"verdict\":\"accept\",\"facts\":{}}]");
	entry("1000-2", "recipients",
	      "[{\"to\":\"dave@example.net\",\"facts\":{\"greylist\":\"unavailable\"}},7,\"x\",null]");
	entry("1001-0", "recipients", "[{\"to\":");
	entry("1002-0", "recipients", "{\"to\":\"x\"}");
	entry("1003-0", "verdict", "accept");
	entry("1004-0", "recipients",
	      "[{\"to\":5,\"facts\":{\"greylist\":\"met\",\"greylist_identity\":\"a\\u0000b\",\"greylist_sender\":{}}}]");
	h = walk(0, &journal);
	is_str(h.text, "0 1 i s@x bob@example.net -1\n1 0 i  carol@example.net 12000\n4 0 a   -1\n", "what they say");
	is_int(journal.entries, 7, "entries");
	is_int(journal.unreadable, 2, "unreadable ones");
	is_int(journal.first_ms, 1000, "the oldest");
	h = walk(1001, &journal);
	ok(h.n == 1 && journal.entries == 4 && journal.first_ms == 1000, "not from the beginning");
	entry("99999999999999-0", "recipients", "[]");
	(void)walk(1001, &journal);
	is_int(journal.entries, 4, "not beyond now");
	flush();
	slow_entry("5000-0", "2000");
	is_int(walk(0, &journal).last_ms, 3000, "when it began");
	slow_entry("6000-0", "-7");
	is_int(walk(0, &journal).last_ms, 6000, "which nonsense does not tell");
}

static void test_pages(void)
{
	struct grey_journal journal;
	struct heard h;

	flush();
	for (unsigned i = 0; i < MANY; i++) {
		char id[32];

		snprintf(id, sizeof id, "%u-%u", 1 + i / 100, i % 100); /* many in one millisecond */
		entry(id, "recipients",
		      "[{\"to\":\"b\",\"facts\":{\"greylist\":\"known\",\"greylist_identity\":\"i\"}}]");
	}
	h = walk(0, &journal);
	ok(h.n == MANY && journal.entries == MANY, "each of several pages, once");
}

static void test_report(struct fixture_redis *server)
{
	struct error_list errors = ERROR_LIST_INIT;
	struct grey_gather *g;

	g = grey_report(&admin, HOUR_MS, &report, &errors);
	ok(g != NULL && report.n_contacts == 0 && report.words[GREY_WORD_KNOWN] == 0, "nothing within the last hour");
	grey_report_free(&g);
	g = grey_report(&admin, INT64_MAX, &report, &errors);
	ok(g != NULL && report.words[GREY_WORD_KNOWN] == MANY, "all there is");
	grey_report_free(&g);
	is_int(errors.errors, 0, "no errors");
	fixture_redis_stop(server);
	ok(grey_report(&admin, HOUR_MS, &report, &errors) == NULL, "Redis is away: no report");
	is_int(errors.errors, 1, "and it is said");
	error_clear(&errors);
}

int main(void)
{
	static struct fixture_redis server;
	struct net *net;

	test_fates();
	test_again();
	test_late();
	test_shadow();
	test_percentiles();
	test_print();
	test_limit();
	fixture_redis_start(&server, NULL, NULL);
	net = fixture_net(server.server, NULL);
	admin.wait = net_wait_new(net);
	if (admin.wait == NULL || !fixture_await_redis(net, true))
		bail_out("no Redis");
	test_walk();
	test_pages();
	test_report(&server);
	net_wait_free(&admin.wait);
	net_stop(&net);
	return done_testing();
}
