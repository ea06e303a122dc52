#include "checks/dnsbl_sum.h"

#include <string.h>

#include "checks/dnsbl_health.h"

void dnsbl_sum_begin(struct dnsbl_sum *sum, const struct fact_value *base)
{
	*sum = (struct dnsbl_sum){ 0 };
	if (base != NULL && base->state == FACT_KNOWN)
		sum->least = sum->most = base->num;
	else if (base != NULL && base->state == FACT_UNAVAILABLE)
		sum->open = base;
}

void dnsbl_sum_add(struct dnsbl_sum *sum, const struct dnsbl_asking *q, unsigned of, struct arena *a,
		   struct fact_value *names)
{
	const struct dnsbl_zones *lists = q != NULL ? dnsbl_asking_lists(q) : NULL;
	bool has_enemies = false;

	if (lists == NULL) {
		sum->no_memory = true;
		return;
	}
	for (unsigned i = 0; i < lists->n_entries; i++) {
		const struct dnsbl_entry *e = &lists->entries[i];
		const char *why = NULL;
		unsigned heard = dnsbl_heard(q, i, of, &why);

		if (heard & DNSBL_HEARD_LISTED) {
			sum->least += e->weight;
			sum->most += e->weight;
			has_enemies = has_enemies || e->weight > 0;
			fact_add_text(names, a, e->name, strlen(e->name));
		} else if (heard & DNSBL_HEARD_FAILURE) {
			*(e->weight < 0 ? &sum->least : &sum->most) += e->weight;
			if (sum->failed_name == NULL) {
				sum->failed_name = e->name;
				sum->why = why;
			}
		}
	}
	for (unsigned i = 0; has_enemies && i < lists->n_entries; i++)
		if (lists->entries[i].weight < 0) /* it speaks for somebody whom another list has */
			dnsbl_save(q, i, of);
}

/* Whether the failed lists could change what the section decides. */
static bool left_open(const struct dnsbl_sum *sum, const struct dnsbl_zones *lists)
{
	if (sum->least == sum->most)
		return false;
	return lists->reject_at == 0 || (sum->least < lists->reject_at && sum->most >= lists->reject_at);
}

void dnsbl_sum_end(const struct dnsbl_sum *sum, const struct dnsbl_zones *lists, struct arena *a,
		   struct fact_value *names, struct fact_value *score)
{
	bool refused = lists->reject_at > 0 && sum->least >= lists->reject_at;
	const char *why = NULL;

	if (sum->no_memory) {
		fact_set_unavailable(names, lists->on_error, "out of memory");
		fact_set_unavailable(score, lists->on_error, "out of memory");
		return;
	}
	if (sum->failed_name != NULL)
		why = arena_printf(a, "DNS list %s: %s", sum->failed_name, sum->why);
	if (sum->open != NULL)
		fact_set_unavailable(score, sum->open->on_error, sum->open->why);
	else if (left_open(sum, lists))
		fact_set_unavailable(score, lists->on_error, why);
	else
		fact_set_num(score, sum->least);
	if (sum->failed_name != NULL && !refused)
		fact_set_unavailable(names, lists->on_error, why);
}
