/*
 * Sets of values for is, is_not and in: each type of fact is compared in its own way.
 *
 *   IP               networks
 *   ADDRESS, DOMAIN  the patterns of mail/addr.h: "example.com", ".example.com", "@example.com", "user@example.com"
 *   NUMBER           numbers, sorted once
 *   TEXT, WORD       folded texts: a few one by one, many by hash
 */
#include <stdlib.h>
#include <string.h>

#include "mail/addr.h"
#include "rules/internal.h"
#include "rules/limits.h"
#include "util/fold.h"
#include "util/ip.h"
#include "util/names.h"
#include "util/strmap.h"

struct text {
	const char *p;
	size_t n;
};

struct rule_set {
	enum fact_type type;
	struct ip_set *nets;
	struct addr_list *patterns;
	struct strmap *map;                 /* every text */
	struct text small[RULES_SMALL_SET]; /* the same, while they are few */
	int64_t *nums;
	size_t n_texts, n_nums, room_nums;
	bool null_sender; /* "" among addresses */
};

static void set_free(void *p)
{
	struct rule_set *s = p;

	ip_set_free(&s->nets);
	addr_list_free(&s->patterns);
	strmap_free(&s->map);
	free(s->nums);
	free(s);
}

struct rule_set *rule_set_new(struct rules *r, enum fact_type type)
{
	struct rule_set *s = calloc(1, sizeof *s);

	if (s == NULL || rules_own(r, s, set_free) != 0)
		return NULL;
	s->type = type;
	s->nets = type == FACT_IP ? ip_set_new() : NULL;
	s->patterns = type == FACT_ADDRESS || type == FACT_DOMAIN ? addr_list_new() : NULL;
	s->map = strmap_new();
	if (s->map == NULL || (type == FACT_IP && s->nets == NULL) ||
	    ((type == FACT_ADDRESS || type == FACT_DOMAIN) && s->patterns == NULL))
		return NULL;
	return s;
}

/* ---- Adding ---- */

static int out_of_memory(const struct rule_op_build *b, const struct conf_node *v)
{
	error_add(b->errors, v->file, v->line, "out of memory");
	return -1;
}

static int add_text(struct rule_set *s, const struct rule_op_build *b, const struct conf_node *v, const char *text)
{
	size_t n;
	const char *folded = fold_text(b->rules->arena, text, strlen(text), &n);

	/* fold_text may have answered the tree's own string, which need not live as long as the rules */
	folded = folded == text ? arena_strndup(b->rules->arena, text, n) : folded;
	if (folded == NULL || strmap_set(s->map, folded, n, NULL) != 0)
		return out_of_memory(b, v);
	if (s->n_texts < RULES_SMALL_SET)
		s->small[s->n_texts] = (struct text){ .p = folded, .n = n };
	s->n_texts++;
	return 0;
}

static int add_word(struct rule_set *s, const struct rule_op_build *b, const struct conf_node *v, const char *word)
{
	const char *words = fact_table[b->cond->ref.id].words;
	struct names_nearest near;
	char *list = arena_strdup(b->rules->arena, words), *rest = list, *w;

	names_nearest_init(&near, word);
	while ((w = strsep(&rest, "|")) != NULL) {
		if (strcmp(w, word) == 0) {
			b->cond->temperror |= strcmp(word, "temperror") == 0;
			return add_text(s, b, v, word);
		}
		names_nearest_try(&near, w);
	}
	error_add(b->errors, v->file, v->line, "%s is never \"%s\"%s (its words: %s)", b->fact_name, word,
		  rule_hint(b->rules, near.best), words);
	return -1;
}

static int add_net(struct rule_set *s, const struct rule_op_build *b, const struct conf_node *v, const char *text)
{
	struct ip_net net;

	switch (ip_net_parse(&net, text)) {
	case 0:
		return ip_set_add(s->nets, &net) == 0 ? 0 : out_of_memory(b, v);
	case -2:
		error_add(b->errors, v->file, v->line,
			  "\"%s\" has bits set behind its prefix; an address alone or a network is meant", text);
		return -1;
	default:
		error_add(b->errors, v->file, v->line, "\"%s\" is neither an address nor a network (192.0.2.0/24)%s",
			  text, b->cond->ref.id == FACT_CLIENT_IP ? "; names are compared with client_name" : "");
		return -1;
	}
}

static int add_pattern(struct rule_set *s, const struct rule_op_build *b, const struct conf_node *v, const char *text)
{
	struct ip_net net;
	bool ip = text[0] == '[' || ip_net_parse(&net, text) != -1;
	const char *why;

	if (ip && s->type == FACT_DOMAIN)
		return add_text(s, b, v, text); /* HELO may be one: compared as it stands */
	if (text[0] == '\0' && s->type == FACT_ADDRESS) {
		s->null_sender = true;
		return 0;
	}
	if (ip)
		why = "an IP address, and no mail address";
	else if (s->type == FACT_DOMAIN && strchr(text, '@') != NULL)
		why = "a mail address, and no name; \"example.com\" is that name, \".example.com\" its subdomains";
	else
		why = addr_list_add(s->patterns, text);
	if (why == NULL)
		return 0;
	error_add(b->errors, v->file, v->line, "\"%s\": %s", text, why);
	return -1;
}

static int add_one(struct rule_set *s, const struct rule_op_build *b, const struct conf_node *v)
{
	const char *text = rule_value_text(b, v);

	if (text == NULL)
		return -1;
	switch (s->type) {
	case FACT_IP:
		return add_net(s, b, v, text);
	case FACT_ADDRESS:
	case FACT_DOMAIN:
		return add_pattern(s, b, v, text);
	case FACT_WORD:
		return add_word(s, b, v, text);
	case FACT_TEXT:
	case FACT_NUMBER:
		break;
	}
	return add_text(s, b, v, text);
}

static int compare_nums(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int add_number(struct rule_set *s, const struct rule_op_build *b, const struct conf_node *v)
{
	void *nums = s->nums;
	int64_t num;

	if (rule_value_number(b, v, &num) != 0)
		return -1;
	if (rules_grow(&nums, s->n_nums, &s->room_nums, sizeof *s->nums) != 0)
		return out_of_memory(b, v);
	s->nums = nums;
	s->nums[s->n_nums++] = num;
	return 0;
}

/* The lines of "file:/path", each as if it stood in the list. */
static int add_file(struct rule_set *s, const struct rule_op_build *b, const struct conf_node *v)
{
	struct conf_strings lines;
	int rc = 0;

	if (conf_strings(v, &lines, b->rules->arena, b->errors) != 0)
		return -1;
	for (unsigned i = 0; i < lines.n; i++) {
		struct conf_node line = { .type = CONF_STRING, .file = lines.v[i].file, .line = lines.v[i].line };

		line.str = lines.v[i].s;
		if (rule_set_add(s, b, &line, false) != 0)
			rc = -1;
	}
	return rc;
}

int rule_set_add(struct rule_set *s, const struct rule_op_build *b, const struct conf_node *v, bool files)
{
	if (files && v->type == CONF_STRING && strncmp(v->str, "file:", strlen("file:")) == 0)
		return add_file(s, b, v);
	if (files && v->type == CONF_STRING && strncmp(v->str, "redis:", strlen("redis:")) == 0) {
		error_add(b->errors, v->file, v->line, "\"%s\": sets in Redis are not available in this version",
			  v->str);
		return -1;
	}
	return s->type == FACT_NUMBER ? add_number(s, b, v) : add_one(s, b, v);
}

void rule_set_ready(struct rule_set *s)
{
	if (s->n_nums > 0)
		qsort(s->nums, s->n_nums, sizeof *s->nums, compare_nums);
}

/* ---- Looking up ---- */

static bool holds_text(const struct rule_set *s, const struct fact_text *t)
{
	bool found = false;

	if (s->n_texts > RULES_SMALL_SET) {
		strmap_get(s->map, t->folded, t->folded_n, &found);
		return found;
	}
	for (size_t i = 0; i < s->n_texts; i++) {
		if (s->small[i].n == t->folded_n && memcmp(s->small[i].p, t->folded, t->folded_n) == 0)
			return true;
	}
	return false;
}

static bool holds_value(const struct rule_set *s, const struct fact_text *t)
{
	if (holds_text(s, t))
		return true;
	if (s->type == FACT_ADDRESS)
		return t->folded_n == 0 ? s->null_sender
					: addr_list_match_address(s->patterns, t->folded, t->folded_n) > 0;
	return s->type == FACT_DOMAIN && addr_list_match_domain(s->patterns, t->folded, t->folded_n) > 0;
}

bool rule_set_holds(const struct rule_set *s, const struct fact_value *v)
{
	if (s->type == FACT_IP)
		return ip_set_match(s->nets, &v->ip) >= 0;
	if (s->type == FACT_NUMBER)
		return s->n_nums > 0 && bsearch(&v->num, s->nums, s->n_nums, sizeof *s->nums, compare_nums) != NULL;
	for (unsigned i = 0; i < v->n; i++) {
		if (holds_value(s, &v->text[i]))
			return true;
	}
	return false;
}
