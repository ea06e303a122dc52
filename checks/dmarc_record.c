/*
 * Unknown tags, and those that RFC 9989 took away (pct, rf, ri), are passed over; a broken one counts as missing.
 */
#include "checks/dmarc_record.h"

#include <string.h>

#include "util/bytes.h"
#include "util/names.h"

struct span {
	const char *p;
	size_t n;
};

/* A tag's value: absent, or one that its table knows, or wrong. */
enum { TAG_ABSENT = -1, TAG_WRONG = -2 };

static const struct name_value policies[] = {
	{ "none", DMARC_NONE },
	{ "quarantine", DMARC_QUARANTINE },
	{ "reject", DMARC_REJECT },
	{ NULL, 0 },
};

static const struct name_value psds[] = {
	{ "u", DMARC_PSD_UNSAID },
	{ "n", DMARC_PSD_NO },
	{ "y", DMARC_PSD_YES },
	{ NULL, 0 },
};

/* What a record says, before it is judged. */
struct tags {
	int p, sp, np, psd, adkim, aspf, t;
	bool rua;
};

const char *dmarc_policy_name(enum dmarc_policy p)
{
	return names_name(policies, (int)p);
}

enum dmarc_policy dmarc_policy_lowered(enum dmarc_policy p)
{
	return p == DMARC_REJECT ? DMARC_QUARANTINE : DMARC_NONE;
}

static struct span trim(struct span s)
{
	while (s.n > 0 && ascii_is_space(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && ascii_is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* What stands before the next `sep`, trimmed; *rest goes behind it. */
static struct span next_part(struct span *rest, char sep)
{
	const char *end = memchr(rest->p, sep, rest->n);
	struct span part = *rest;

	if (end == NULL) {
		rest->n = 0;
		return trim(part);
	}
	part.n = (size_t)(end - rest->p);
	rest->n -= part.n + 1;
	rest->p = end + 1;
	return trim(part);
}

/* Parts "name = value".  False: it is no tag. */
static bool split_tag(struct span tag, struct span *name, struct span *value)
{
	struct span rest = tag;

	if (memchr(tag.p, '=', tag.n) == NULL)
		return false;
	*name = next_part(&rest, '=');
	*value = trim(rest);
	return name->n > 0;
}

static bool is_word(struct span s, const char *word)
{
	return s.n == strlen(word) && ascii_equal_n(s.p, word, s.n);
}

static int word_of(struct span s, const struct name_value *words)
{
	for (; words->name != NULL; words++)
		if (is_word(s, words->name))
			return words->value;
	return TAG_WRONG;
}

/* A tag that comes twice says nothing to rely on. */
static void set_once(int *tag, int value)
{
	*tag = *tag == TAG_ABSENT ? value : TAG_WRONG;
}

/* A flag of one letter: 1 when it is `yes`, 0 when it is `no`. */
static int letter(struct span s, const char *yes, const char *no)
{
	if (is_word(s, yes))
		return 1;
	return is_word(s, no) ? 0 : TAG_WRONG;
}

/* One address that reports can go to: "scheme:...", for mailto with a mailbox (RFC 6068), a size limit behind it. */
static bool is_uri(struct span s)
{
	const char *colon = memchr(s.p, ':', s.n), *at;
	size_t scheme, rest;

	if (colon == NULL || colon == s.p || !ascii_is_alpha(s.p[0]))
		return false;
	scheme = (size_t)(colon - s.p);
	rest = s.n - scheme - 1;
	for (size_t i = 0; i < s.n; i++) {
		bool letter_digit = ascii_is_alpha(s.p[i]) || ascii_is_digit(s.p[i]);

		if (i < scheme && !letter_digit && strchr("+-.", s.p[i]) == NULL)
			return false;
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	}
	if (!is_word((struct span){ s.p, scheme }, "mailto"))
		return rest > 0;
	at = memchr(colon + 1, '@', rest);
	return at != NULL && at > colon + 1 && at + 1 < s.p + s.n && at[1] != '!';
}

static bool has_uri(struct span list)
{
	while (list.n > 0)
		if (is_uri(next_part(&list, ',')))
			return true;
	return false;
}

static void read_tag(struct tags *t, struct span name, struct span value)
{
	if (is_word(name, "p"))
		set_once(&t->p, word_of(value, policies));
	else if (is_word(name, "sp"))
		set_once(&t->sp, word_of(value, policies));
	else if (is_word(name, "np"))
		set_once(&t->np, word_of(value, policies));
	else if (is_word(name, "psd"))
		set_once(&t->psd, word_of(value, psds));
	else if (is_word(name, "adkim"))
		set_once(&t->adkim, letter(value, "s", "r"));
	else if (is_word(name, "aspf"))
		set_once(&t->aspf, letter(value, "s", "r"));
	else if (is_word(name, "t"))
		set_once(&t->t, letter(value, "y", "n"));
	else if (is_word(name, "rua"))
		t->rua = t->rua || has_uri(value);
}

static void judge(const struct tags *t, struct dmarc_record *r)
{
	bool wrong = t->p < 0 || t->sp == TAG_WRONG || t->np == TAG_WRONG;

	memset(r, 0, sizeof *r);
	r->psd = t->psd >= 0 ? (enum dmarc_psd)t->psd : DMARC_PSD_UNSAID;
	r->strict_dkim = t->adkim == 1;
	r->strict_spf = t->aspf == 1;
	r->testing = t->t == 1;
	r->usable = !wrong || t->rua;
	if (wrong)
		return; /* as if it said p=none */
	r->p = (enum dmarc_policy)t->p;
	r->sp = t->sp >= 0 ? (enum dmarc_policy)t->sp : r->p;
	r->np = t->np >= 0 ? (enum dmarc_policy)t->np : r->sp;
}

bool dmarc_record_parse(const char *p, size_t n, struct dmarc_record *r)
{
	struct tags t = { TAG_ABSENT, TAG_ABSENT, TAG_ABSENT, TAG_ABSENT, TAG_ABSENT, TAG_ABSENT, TAG_ABSENT, false };
	static const char version[] = "DMARC1";
	struct span rest = { p, n }, name, value;

	if (n == 0 || p[0] != 'v' || !split_tag(next_part(&rest, ';'), &name, &value))
		return false;
	if (name.n != 1 || value.n != sizeof version - 1 || memcmp(value.p, version, value.n) != 0)
		return false;
	while (rest.n > 0)
		if (split_tag(next_part(&rest, ';'), &name, &value))
			read_tag(&t, name, value);
	judge(&t, r);
	return true;
}
