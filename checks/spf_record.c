#include "checks/spf_record.h"

#include <string.h>

#include "util/bytes.h"

#define RECORD_VERSION "v=spf1"

enum { V4_BITS = 32, V6_BITS = 128, V4_AT = 12 }; /* V4_AT: in a mapped address */

static const char *const result_names[] = {
	[SPF_NONE] = "none",         [SPF_NEUTRAL] = "neutral",     [SPF_PASS] = "pass",           [SPF_FAIL] = "fail",
	[SPF_SOFTFAIL] = "softfail", [SPF_TEMPERROR] = "temperror", [SPF_PERMERROR] = "permerror",
};

const char *spf_result_name(enum spf_result r)
{
	return result_names[r];
}

bool spf_is_record(const char *text, size_t n)
{
	size_t v = sizeof RECORD_VERSION - 1;

	return n >= v && ascii_equal_n(text, RECORD_VERSION, v) && (n == v || text[v] == ' ');
}

/* ---- Macro strings (section 7.1) ---- */

static bool is_delimiter(char c)
{
	return c != '\0' && strchr(".-+,/_=", c) != NULL;
}

/* "%{d2r-}": answers what is behind it, or NULL.  The letters c, r and t are for explanations only. */
static const char *macro_expand(const char *p, bool explanation)
{
	const char *digits;

	if (p[1] == '%' || p[1] == '_' || p[1] == '-')
		return p + 2;
	if (p[1] != '{' || p[2] == '\0' || strchr(explanation ? "slodiphcrtv" : "slodiphv", ascii_lower(p[2])) == NULL)
		return NULL;
	p += 3;
	for (digits = p; ascii_is_digit(*p); p++)
		;
	if (p > digits && strspn(digits, "0") == (size_t)(p - digits))
		return NULL; /* a number of labels must not be zero */
	if (ascii_lower(*p) == 'r')
		p++;
	while (is_delimiter(*p))
		p++;
	return *p == '}' ? p + 1 : NULL;
}

/* The whole of s is a macro-string; *last_macro: where its last macro begins, if it ends in one. */
static bool is_macro_string(const char *s, bool explanation, const char **last_macro)
{
	*last_macro = NULL;
	while (*s != '\0') {
		if (*s == '%') {
			*last_macro = s;
			s = macro_expand(s, explanation);
			if (s == NULL)
				return false;
			continue;
		}
		if (*s < 0x21 || *s > 0x7e)
			return false;
		*last_macro = NULL;
		s++;
	}
	return true;
}

static bool is_alnum(char c)
{
	return ascii_is_digit(c) || ascii_is_alpha(c);
}

/* toplabel: letters, digits and inner hyphens, and not digits alone. */
static bool is_toplabel(const char *p, size_t n)
{
	bool other = false;

	if (n == 0 || !is_alnum(p[0]) || !is_alnum(p[n - 1]))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!is_alnum(p[i]) && p[i] != '-')
			return false;
		other = other || !ascii_is_digit(p[i]);
	}
	return other;
}

/* domain-spec: a macro-string that ends in a macro or in "." toplabel. */
static bool is_domain_spec(const char *s)
{
	const char *macro, *dot;
	size_t n = strlen(s);

	if (n == 0 || !is_macro_string(s, false, &macro))
		return false;
	if (macro != NULL)
		return macro[1] == '{'; /* domain-end is a macro-expand of a letter: "%%" and its kin are literals */
	if (s[n - 1] == '.')
		n--;
	for (dot = s + n; dot > s && dot[-1] != '.' && dot[-1] != '}'; dot--)
		;
	return dot > s && dot[-1] == '.' && is_toplabel(dot, (size_t)(s + n - dot));
}

/* ---- Prefix lengths ---- */

/* Digits without a leading zero, at most `max`.  Answers what is behind them, or NULL. */
static const char *parse_bits(const char *p, unsigned max, uint8_t *bits)
{
	unsigned n = 0;

	if (!ascii_is_digit(*p) || (*p == '0' && ascii_is_digit(p[1])))
		return NULL;
	for (; ascii_is_digit(*p); p++) {
		n = n * 10 + (unsigned)(*p - '0');
		if (n > max)
			return NULL;
	}
	*bits = (uint8_t)n;
	return p;
}

/* Cuts "/24" or "//64" off the end of arg, if that is what stands there. */
static void cut_bits(char *arg, const char *slashes, unsigned max, uint8_t *bits)
{
	size_t n = strlen(arg), digits = n, k = strlen(slashes);
	const char *end;
	uint8_t value;

	while (digits > 0 && ascii_is_digit(arg[digits - 1]))
		digits--;
	if (digits < k || memcmp(arg + digits - k, slashes, k) != 0)
		return;
	end = parse_bits(arg + digits, max, &value);
	if (end == NULL || *end != '\0')
		return;
	*bits = value;
	arg[digits - k] = '\0';
}

/* Cuts a dual-cidr-length ("/24", "//64", "/24//64") off the end of arg.  What is like one, but none, stays: a domain
 * may hold slashes, but not end so. */
static void cut_dual_cidr(char *arg, struct spf_term *t)
{
	t->bits4 = V4_BITS;
	t->bits6 = V6_BITS;
	cut_bits(arg, "//", V6_BITS, &t->bits6);
	cut_bits(arg, "/", V4_BITS, &t->bits4);
}

/* ---- Mechanisms ---- */

/* ip_parse() reads ::ffff:192.0.2.1 as an IPv4 address; behind ip6: it is none, and matches no IPv4 client (section 5). */
static void map_ip4(struct ip *ip)
{
	struct ip mapped = { .family = IP_V6 };

	mapped.b[V4_AT - 2] = mapped.b[V4_AT - 1] = 0xff;
	memcpy(mapped.b + V4_AT, ip->b, V4_BITS / 8);
	*ip = mapped;
}

static bool parse_ip(const char *arg, unsigned family, struct ip_net *net)
{
	char text[IP_TEXT_SIZE + 8];
	const char *slash = strchr(arg, '/');
	size_t n = slash != NULL ? (size_t)(slash - arg) : strlen(arg);

	net->bits = family == IP_V4 ? V4_BITS : V6_BITS;
	if (n == 0 || n >= sizeof text)
		return false;
	memcpy(text, arg, n);
	text[n] = '\0';
	/* ip_parse() also takes forms that are none of this grammar. */
	if (strspn(text, family == IP_V4 ? "0123456789." : "0123456789abcdefABCDEF:.") != n ||
	    (family == IP_V6 && strchr(text, ':') == NULL))
		return false;
	if (slash != NULL) {
		const char *end = parse_bits(slash + 1, net->bits, &net->bits);

		if (end == NULL || *end != '\0')
			return false;
	}
	if (ip_parse(&net->ip, text) != 0)
		return false;
	if (family == IP_V6 && net->ip.family == IP_V4)
		map_ip4(&net->ip);
	if (net->ip.family != family)
		return false;
	net->ip = ip_mask(&net->ip, net->bits);
	return true;
}

/* What a mechanism takes behind its name. */
enum argument { ARG_NONE, ARG_DOMAIN, ARG_MAY_DOMAIN, ARG_DOMAIN_CIDR, ARG_NET };

static const struct mechanism {
	const char *name;
	enum spf_mechanism id;
	enum argument arg;
} mechanisms[] = {
	{ "all", SPF_ALL, ARG_NONE },      { "include", SPF_INCLUDE, ARG_DOMAIN }, { "a", SPF_A, ARG_DOMAIN_CIDR },
	{ "mx", SPF_MX, ARG_DOMAIN_CIDR }, { "ptr", SPF_PTR, ARG_MAY_DOMAIN },     { "ip4", SPF_IP4, ARG_NET },
	{ "ip6", SPF_IP6, ARG_NET },       { "exists", SPF_EXISTS, ARG_DOMAIN },
};

static const struct mechanism *find_mechanism(const char *p, size_t n)
{
	for (size_t i = 0; i < sizeof mechanisms / sizeof mechanisms[0]; i++)
		if (strlen(mechanisms[i].name) == n && ascii_equal_n(mechanisms[i].name, p, n))
			return &mechanisms[i];
	return NULL;
}

/* arg: from the ':' or '/' behind the name, "" when there is none. */
static bool parse_argument(const struct mechanism *m, char *arg, struct spf_term *t)
{
	if (m->arg == ARG_NET)
		return arg[0] == ':' && parse_ip(arg + 1, m->id == SPF_IP4 ? IP_V4 : IP_V6, &t->net);
	if (m->arg == ARG_DOMAIN_CIDR)
		cut_dual_cidr(arg, t);
	if (arg[0] == '\0')
		return m->arg != ARG_DOMAIN;
	if (m->arg == ARG_NONE || arg[0] != ':' || !is_domain_spec(arg + 1))
		return false;
	t->domain = arg + 1;
	return true;
}

static bool parse_directive(struct arena *a, const char *text, struct spf_record *r, struct spf_term ***tail)
{
	struct spf_term *t = arena_alloc(a, sizeof *t);
	const struct mechanism *m;
	const char *p = text;
	char *arg;
	size_t n;

	if (t == NULL)
		return false;
	t->text = text;
	t->qualifier = *p == '-' ? SPF_FAIL : *p == '~' ? SPF_SOFTFAIL : *p == '?' ? SPF_NEUTRAL : SPF_PASS;
	if (*p != '\0' && strchr("+-~?", *p) != NULL)
		p++;
	n = strcspn(p, ":/");
	m = find_mechanism(p, n);
	arg = arena_strdup(a, p + n);
	if (m == NULL || arg == NULL || !parse_argument(m, arg, t))
		return false;
	t->mechanism = m->id;
	r->has_all = r->has_all || m->id == SPF_ALL;
	**tail = t;
	*tail = &t->next;
	return true;
}

/* ---- Modifiers ---- */

/* The length of a modifier's name, 0 when the term is none: letters first, then '='. */
static size_t modifier_name(const char *term)
{
	size_t n = 0;

	if (!ascii_is_alpha(term[0]))
		return 0;
	while (is_alnum(term[n]) || (term[n] != '\0' && strchr("-_.", term[n]) != NULL))
		n++;
	return term[n] == '=' ? n : 0;
}

static bool parse_modifier(const char *term, size_t name_n, struct spf_record *r, bool *has_exp)
{
	const char *value = term + name_n + 1, *last;

	if (name_n == 8 && ascii_equal_n(term, "redirect", 8)) {
		if (r->redirect != NULL || !is_domain_spec(value))
			return false;
		r->redirect = value;
		r->redirect_text = term;
		return true;
	}
	if (name_n == 3 && ascii_equal_n(term, "exp", 3)) {
		if (*has_exp || !is_domain_spec(value))
			return false;
		*has_exp = true; /* its text is the attacker's: never fetched */
		return true;
	}
	return is_macro_string(value, true, &last); /* unknown ones are ignored (section 6) */
}

int spf_parse(struct arena *a, const char *text, size_t n, struct spf_record *out)
{
	struct spf_term **tail = &out->terms;
	bool has_exp = false;
	char *copy, *p;

	memset(out, 0, sizeof *out);
	if (n > SPF_RECORD_MAX || !spf_is_record(text, n) || memchr(text, '\0', n) != NULL)
		return -1;
	copy = arena_strndup(a, text, n);
	if (copy == NULL)
		return -1;
	p = copy + sizeof RECORD_VERSION - 1;
	for (;;) {
		char *term;
		size_t name_n;

		p += strspn(p, " ");
		if (*p == '\0')
			return 0;
		term = p;
		p += strcspn(p, " ");
		if (*p == ' ')
			*p++ = '\0';
		name_n = modifier_name(term);
		if (name_n > 0 ? !parse_modifier(term, name_n, out, &has_exp) : !parse_directive(a, term, out, &tail))
			return -1;
	}
}
