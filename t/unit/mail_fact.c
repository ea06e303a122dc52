/*
 * The table of facts and the setters.
 */
#include <stdio.h>
#include <string.h>

#include "mail/fact.h"
#include "mail/verdict.h"
#include "t/lib/tap.h"
#include "util/sbuf.h"

static const char *formatted(const struct fact_value *f, enum fact_id id)
{
	static char buf[200];
	struct sbuf b;

	sbuf_fixed(&b, buf, sizeof buf);
	fact_format(f, id, &b);
	return buf;
}

static void test_table(void)
{
	unsigned bad = 0;

	for (unsigned id = 0; id < FACT_COUNT; id++) {
		const struct fact_def *d = &fact_table[id];
		bool named = d->name != NULL && fact_by_name(d->name) == (enum fact_id)id;
		bool words = (d->type == FACT_WORD) == (d->words != NULL);
		bool known_early = d->scope != SCOPE_SESSION || d->stage <= STAGE_HELO;

		if (named && words && known_early && d->doc != NULL)
			continue;
		bad++;
		diag("row %u (%s) is wrong", id, d->name != NULL ? d->name : "no name");
	}
	is_int(bad, 0, "every row has a name of its own, words if it is one of a few, and a fitting stage");
	is_int(fact_by_name("nothing"), FACT_COUNT, "an unknown name");
	is_int(fact_by_name("subject"), FACT_SUBJECT, "a known one");
	is_str(stage_name(STAGE_CONNECT), "CONNECT", "the first stage");
	is_str(stage_name(STAGE_END), "END", "the last stage");
	is_str(verdict_name(VERDICT_DISCARD), "delete", "a verdict has the name of its action");
	is_str(verdict_name(VERDICT_NONE), "none", "no verdict yet");
}

/* Every word that the table allows can be set without memory. */
static void test_words(void)
{
	for (unsigned id = 0; id < FACT_COUNT; id++) {
		const char *p = fact_table[id].words;
		unsigned n = 0, wrong = 0;

		while (p != NULL && *p != '\0') {
			size_t length = strcspn(p, "|");
			struct fact_value f = { 0 };
			char word[40] = "";

			memcpy(word, p, length);
			fact_set_word(&f, word);
			wrong += f.state != FACT_KNOWN || f.n != 1 || strcmp(f.text->raw, word) != 0 ||
				 strcmp(f.text->folded, word) != 0 || f.text->raw_n != length ||
				 f.text->folded_n != length;
			n++;
			p += length + (p[length] == '|');
		}
		if (n > 0)
			is_int(wrong, 0, "%s: %u words", fact_table[id].name, n);
	}
}

static void test_text(struct arena *a)
{
	struct fact_value f = { 0 };

	fact_set_text(&f, a, "plain", 5);
	is_int(f.state, FACT_KNOWN, "set");
	is_int(f.n, 1, "one value");
	ok(f.text[0].raw == f.text[0].folded, "folded text that equals the raw one shares its memory");

	fact_set_text(&f, a, "\xd0\x9d\xd0\x95 \xd0\xa1\xd0\x9f\xd0\x90\xd0\x9c!", 14);
	is_str(f.text[0].folded, "\xd0\xbd\xd0\xb5 \xd1\x81\xd0\xbf\xd0\xb0\xd0\xbc!", "folded in Unicode");
	is_int(f.text[0].raw_n, 14, "the raw length");
	is_mem(f.text[0].raw, "\xd0\x9d\xd0\x95", 4, "the raw text stays");

	fact_set_text(&f, a, "a\0B", 3);
	is_int(f.text[0].raw_n, 3, "a NUL does not end a text");
	is_mem(f.text[0].folded, "a\0b", 4, "nor its folded form");
	fact_set_text(&f, a, "", 0);
	is_int(f.n, 1, "the empty text is a value");
	is_str(f.text[0].raw, "", "and is empty");
	is_str(formatted(&f, FACT_SENDER), "", "as a person sees it");
}

static void test_values(struct arena *a)
{
	struct fact_value f = { 0 };
	const struct fact_text *one;
	char text[16];
	unsigned wrong = 0;

	fact_set_word(&f, "pass");
	one = f.text;
	fact_add_text(&f, a, "Second", 6);
	is_int(f.n, 2, "a value is added");
	ok(f.text != one, "not into the static word's memory");
	is_str(formatted(&f, FACT_FCRDNS), "pass, Second", "values are joined for people");

	fact_set_absent(&f);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(text, sizeof text, "T%u", i);
		fact_add_text(&f, a, text, strlen(text));
	}
	is_int(f.n, 1000, "a thousand values");
	for (unsigned i = 0; i < f.n; i++) {
		snprintf(text, sizeof text, "t%u", i);
		wrong += strcmp(f.text[i].folded, text) != 0;
	}
	is_int(wrong, 0, "each in its place");
	fact_set_text(&f, a, "one", 3);
	is_int(f.n, 1, "setting replaces them");
}

static void test_others(void)
{
	struct fact_value f = { 0 };
	struct ip ip;

	is_str(formatted(&f, FACT_SIZE), "(unknown)", "not known yet");
	fact_set_num(&f, -42);
	is_str(formatted(&f, FACT_DNSBL_SCORE), "-42", "a number");
	fact_set_at_least(&f, 5000000000);
	is_int(f.state, FACT_AT_LEAST, "a lower bound is not final");
	is_str(formatted(&f, FACT_SIZE), "at least 5000000000", "and says so");
	ip_parse(&ip, "2001:db8::1");
	fact_set_ip(&f, &ip);
	is_str(formatted(&f, FACT_CLIENT_IP), "2001:db8::1", "an address");
	fact_set_absent(&f);
	is_str(formatted(&f, FACT_CLIENT_NAME), "(absent)", "absent");
	fact_set_unavailable(&f, ON_ERROR_DEFER, "DNS: timeout");
	is_int(f.on_error, ON_ERROR_DEFER, "what to do is kept");
	is_str(formatted(&f, FACT_FCRDNS), "(unavailable: DNS: timeout)", "unavailable says why");
	fact_set_unavailable(&f, ON_ERROR_IGNORE, NULL);
	is_str(formatted(&f, FACT_FCRDNS), "(unavailable: no reason given)", "even without a reason");
}

static void test_memory(void)
{
	struct arena *a = arena_new(64);
	struct fact_value f = { 0 };

	fact_set_text(&f, a, "a text that does not fit into the arena, whatever its headers take of it", 72);
	ok(arena_failed(a), "out of memory is remembered by the arena");
	is_int(f.state, FACT_UNKNOWN, "and the fact stays as it was");
	fact_set_word(&f, "none");
	fact_add_text(&f, a, "x", 1);
	is_int(f.n, 1, "nothing is added");
	arena_free(&a);
}

int main(void)
{
	struct arena *a = arena_new(0);

	test_table();
	test_words();
	test_text(a);
	test_values(a);
	test_others();
	test_memory();
	arena_free(&a);
	return done_testing();
}
