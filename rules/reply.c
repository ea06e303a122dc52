/*
 * Replies: "550 5.7.1 not wanted here" (RFC 5321, section 4.2; RFC 3463 for the second code).
 */
#include <stdlib.h>
#include <string.h>

#include "rules/internal.h"
#include "rules/limits.h"
#include "util/bytes.h"

enum { CODE_DIGITS = 3 };

static bool ends_word(char c)
{
	return c == '\0' || c == ' ';
}

static bool three_digits(const char *p)
{
	return strspn(p, "0123456789") == CODE_DIGITS && ends_word(p[CODE_DIGITS]);
}

/* The length of an enhanced code's text: class "." subject "." detail, up to three digits each; 0 when it is none. */
static size_t enhanced_length(const char *p)
{
	size_t n = 0;

	for (int part = 0; part < 3; part++) {
		size_t digits = strspn(p + n, "0123456789");

		if (digits == 0 || digits > (part == 0 ? 1U : 3U) || (digits > 1 && p[n] == '0'))
			return 0;
		n += digits;
		if (part < 2 && p[n++] != '.')
			return 0;
	}
	return ends_word(p[n]) ? n : 0;
}

/* What an administrator most likely meant by a code of the other class. */
static const char *other_action(char class)
{
	return class == '4'   ? "; a temporary refusal is \"defer\""
	       : class == '5' ? "; a final refusal is \"reject\""
			      : "";
}

static int parse_code(const struct conf_node *node, const char **p, char class, struct rule_action *a,
		      struct error_list *errors)
{
	const char *s = *p;

	if (!three_digits(s))
		return 0;
	if (s[0] != class || s[1] > '5') {
		error_add(errors, node->file, node->line, "\"%s\" answers with a code of %c00 to %c59, not %.3s%s",
			  class == '5' ? "reject" : "defer", class, class, s, s[0] != class ? other_action(s[0]) : "");
		return -1;
	}
	a->code = atoi(s);
	s += CODE_DIGITS;
	*p = s + strspn(s, " ");
	return 0;
}

static int parse_enhanced(const struct conf_node *node, const char **p, char class, struct rule_action *a,
			  struct error_list *errors)
{
	size_t n = enhanced_length(*p);

	if (n == 0)
		return 0;
	if ((*p)[0] != class) {
		error_add(errors, node->file, node->line,
			  "the enhanced code %.*s does not agree with \"%s\": it begins with %c (RFC 3463)", (int)n, *p,
			  class == '5' ? "reject" : "defer", class);
		return -1;
	}
	memcpy(a->enhanced, *p, n);
	a->enhanced[n] = '\0';
	*p += n + strspn(*p + n, " ");
	return 0;
}

int rule_parse_reply(struct rules *r, const struct conf_node *node, struct rule_action *a, struct error_list *errors)
{
	char class = a->kind == ACTION_REJECT ? '5' : '4';
	const char *p = node->str + strspn(node->str, " ");

	for (const char *c = p; *c != '\0'; c++) {
		if (*c < ' ' || *c > '~') {
			error_add(errors, node->file, node->line,
				  "a reply is ASCII text (RFC 5321): write it in English; names of rules may be in any "
				  "script, and the log shows them");
			return -1;
		}
	}
	if (parse_code(node, &p, class, a, errors) != 0 || parse_enhanced(node, &p, class, a, errors) != 0)
		return -1;
	if (strlen(p) > RULES_MAX_REPLY) {
		error_add(errors, node->file, node->line, "a reply's text has %d characters at the most, not %zu",
			  RULES_MAX_REPLY, strlen(p));
		return -1;
	}
	a->text = *p != '\0' ? arena_strdup(r->arena, p) : NULL;
	return 0;
}
