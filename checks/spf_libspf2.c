/*
 * libspf2 over a DNS layer of ours.  The library starts counting anew in each included record and knows no limit to
 * look-ups that find nothing; the layer counts over all of a check, and from a limit on answers without asking.
 */
#include "checks/spf_libspf2.h"

#include <string.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <spf2/spf.h>

#include "util/bytes.h"

/* The domain's own record; each term, with the hosts that an MX or PTR answer names. */
enum { QUESTIONS_MAX = 1 + SPF_TERMS_MAX * (1 + SPF_NAMES_MAX), NAME_MAX_BYTES = 255 };

struct layer {
	SPF_dns_server_t server; /* its hook points back */
	const struct spf_dns *dns;
	const struct dns_answer *names; /* of the last MX or PTR answer: asking for their addresses is no term */
	bool ptr; /* it was a PTR answer: its names are the client's, and void ones no fault of the record */
	unsigned terms, voids, questions;
	bool began; /* the domain's own record, which is no term, was asked for */
	const char *limit;
};

/* ---- Answers in libspf2's shape ---- */

static size_t data_size(const struct dns_record *r, ns_type type)
{
	switch ((int)type) {
	case ns_t_a:
		return sizeof(struct in_addr);
	case ns_t_aaaa:
		return sizeof(struct in6_addr);
	case ns_t_txt:
		return r->text_n + 1;
	default:
		return strlen(r->name) + 1;
	}
}

static void copy_data(SPF_dns_rr_data_t *to, const struct dns_record *r, ns_type type)
{
	switch ((int)type) {
	case ns_t_a:
		memcpy(&to->a, r->ip.b, sizeof to->a);
		break;
	case ns_t_aaaa:
		memcpy(&to->aaaa, r->ip.b, sizeof to->aaaa);
		break;
	case ns_t_txt:
		/* The library would take a NUL for the end: what is behind it must spoil the record. */
		for (size_t i = 0; i < r->text_n; i++)
			to->txt[i] = (char)(r->text[i] == '\0' ? '\x01' : r->text[i]);
		to->txt[r->text_n] = '\0';
		break;
	default:
		memcpy(to->ptr, r->name, strlen(r->name) + 1);
	}
}

static SPF_dns_rr_t *shape(struct layer *l, const char *domain, ns_type type, const struct dns_answer *answer)
{
	SPF_dns_stat_t status = answer->status == DNS_OK         ? NETDB_SUCCESS
				: answer->status == DNS_NXDOMAIN ? HOST_NOT_FOUND
				: answer->status == DNS_NODATA   ? NO_DATA
								 : TRY_AGAIN;
	SPF_dns_rr_t *rr = SPF_dns_rr_new_init(&l->server, domain, type, 0, status);
	/* More than ten names of a client are ignored (section 4.6.4); the library would call that an error. */
	unsigned n = (int)type == ns_t_ptr && answer->n > SPF_NAMES_MAX ? (unsigned)SPF_NAMES_MAX : answer->n;

	for (unsigned i = 0; rr != NULL && i < n; i++) {
		if (SPF_dns_rr_buf_realloc(rr, (int)i, data_size(&answer->v[i], type)) != SPF_E_SUCCESS) {
			SPF_dns_rr_free(rr);
			return NULL;
		}
		copy_data(rr->rr[i], &answer->v[i], type);
		rr->num_rr = (int)i + 1;
	}
	return rr;
}

/* ---- Limits ---- */

static bool is_listed(const struct layer *l, const char *name)
{
	for (unsigned i = 0; l->names != NULL && i < l->names->n; i++)
		if (ascii_equal(l->names->v[i].name, name))
			return true;
	return false;
}

/* Whether the question may be put. */
static bool admit(struct layer *l, const char *domain, enum dns_type type)
{
	bool counts = type == DNS_TXT ? l->began : (type != DNS_A && type != DNS_AAAA) || !is_listed(l, domain);

	l->began = true;
	if (counts && ++l->terms > SPF_TERMS_MAX)
		l->limit = "more than ten terms that ask DNS";
	if (++l->questions > QUESTIONS_MAX)
		l->limit = "more questions than ten terms can have";
	return l->limit == NULL;
}

static const struct dns_answer *ask(struct layer *l, const char *domain, enum dns_type type)
{
	static const struct dns_answer refused = { .status = DNS_FAILED };
	static const struct dns_answer no_name = { .status = DNS_NXDOMAIN };
	const struct dns_answer *answer;

	if (domain[0] == '\0' || strlen(domain) > NAME_MAX_BYTES)
		return &no_name;
	if (!admit(l, domain, type))
		return &refused;
	answer = l->dns->ask(l->dns->ctx, domain, type);
	if (type == DNS_MX && answer->n > SPF_NAMES_MAX)
		l->limit = "more than ten MX names";
	if ((type == DNS_MX || type == DNS_A || type == DNS_AAAA) && !(l->ptr && is_listed(l, domain)) &&
	    (answer->status == DNS_NXDOMAIN || answer->status == DNS_NODATA) && ++l->voids > SPF_VOIDS_MAX)
		l->limit = "more than two look-ups that found nothing";
	if (type == DNS_MX || type == DNS_PTR) {
		l->names = answer;
		l->ptr = type == DNS_PTR;
	}
	return l->limit == NULL ? answer : &refused;
}

/* ---- What libspf2 calls ---- */

static SPF_dns_rr_t *lookup(SPF_dns_server_t *server, const char *domain, ns_type type, int should_cache)
{
	struct layer *l = server->hook;

	(void)should_cache;
	switch ((int)type) {
	case ns_t_a:
		return shape(l, domain, type, ask(l, domain, DNS_A));
	case ns_t_aaaa:
		return shape(l, domain, type, ask(l, domain, DNS_AAAA));
	case ns_t_mx:
		return shape(l, domain, type, ask(l, domain, DNS_MX));
	case ns_t_ptr:
		return shape(l, domain, type, ask(l, domain, DNS_PTR));
	case ns_t_txt:
		return shape(l, domain, type, ask(l, domain, DNS_TXT));
	default: /* type SPF, 99: obsolete */
		return SPF_dns_rr_new_init(server, domain, type, 0, NO_DATA);
	}
}

/* Explanations are the attacker's text. */
static SPF_errcode_t no_explanation(SPF_server_t *server, const char *domain, char **buf, size_t *n)
{
	(void)server;
	(void)domain;
	(void)buf;
	(void)n;
	return SPF_E_NOT_SPF;
}

/* ---- A check ---- */

static void set_result(struct spf_answer *out, enum spf_result result, const char *problem)
{
	out->result = result;
	out->problem = problem;
}

/* Result "(invalid)": a permerror, a temperror, or no record. */
static void map_error(SPF_errcode_t code, struct spf_answer *out)
{
	switch (code) {
	case SPF_E_NOT_SPF:
		set_result(out, SPF_NONE, NULL);
		break;
	case SPF_E_DNS_ERROR:
		set_result(out, SPF_TEMPERROR, "DNS did not answer");
		break;
	case SPF_E_NO_MEMORY:
		set_result(out, SPF_TEMPERROR, "out of memory");
		break;
	default:
		set_result(out, SPF_PERMERROR, "a record that libspf2 cannot use");
		break;
	}
}

/* The library's own code of a failed check is always "no SPF record found"; its first complaint tells what happened. */
static SPF_errcode_t first_error(SPF_response_t *response)
{
	for (int i = 0; i < SPF_response_messages(response); i++) {
		SPF_error_t *e = SPF_response_message(response, i);

		if (SPF_error_errorp(e))
			return SPF_error_code(e);
	}
	return SPF_E_NOT_SPF;
}

static void map_result(SPF_response_t *response, struct spf_answer *out)
{
	switch (SPF_response_result(response)) {
	case SPF_RESULT_NEUTRAL:
		set_result(out, SPF_NEUTRAL, NULL);
		break;
	case SPF_RESULT_PASS:
		/* Without looking at any record. */
		set_result(out, SPF_response_reason(response) == SPF_REASON_LOCALHOST ? SPF_NONE : SPF_PASS, NULL);
		break;
	case SPF_RESULT_FAIL:
		set_result(out, SPF_FAIL, NULL);
		break;
	case SPF_RESULT_SOFTFAIL:
		set_result(out, SPF_SOFTFAIL, NULL);
		break;
	case SPF_RESULT_NONE:
		set_result(out, SPF_NONE, NULL);
		break;
	case SPF_RESULT_TEMPERROR:
		set_result(out, SPF_TEMPERROR, "DNS did not answer");
		break;
	case SPF_RESULT_PERMERROR:
		set_result(out, SPF_PERMERROR, "a record that libspf2 cannot use");
		break;
	default:
		map_error(first_error(response), out);
		break;
	}
}

static bool fill_request(SPF_request_t *request, const struct spf_query *q, const char *sender)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (q->ip.family == IP_V4) {
		memcpy(&v4, q->ip.b, sizeof v4);
		if (SPF_request_set_ipv4(request, v4) != SPF_E_SUCCESS)
			return false;
	} else {
		memcpy(&v6, q->ip.b, sizeof v6);
		if (SPF_request_set_ipv6(request, v6) != SPF_E_SUCCESS)
			return false;
	}
	return SPF_request_set_helo_dom(request, q->helo) == SPF_E_SUCCESS &&
	       SPF_request_set_env_from(request, sender) == 0;
}

static void run(struct layer *l, const struct spf_query *q, const char *sender, struct spf_answer *out)
{
	SPF_server_t *server = SPF_server_new_dns(&l->server, 0);
	SPF_request_t *request = server != NULL ? SPF_request_new(server) : NULL;
	SPF_response_t *response = NULL;

	set_result(out, SPF_TEMPERROR, "out of memory");
	if (request != NULL && fill_request(request, q, sender)) {
		(void)SPF_request_query_mailfrom(request, &response);
		if (response != NULL)
			map_result(response, out);
	}
	if (response != NULL)
		SPF_response_free(response);
	if (request != NULL)
		SPF_request_free(request);
	if (server != NULL)
		SPF_server_free(server);
}

void spf_libspf2_check_host(const struct spf_query *q, const struct spf_dns *dns, struct arena *a,
			    struct spf_answer *out)
{
	struct layer l = { .dns = dns };
	const char *sender = spf_whole_sender(q, a);

	memset(out, 0, sizeof *out);
	l.server.lookup = lookup;
	l.server.get_exp = no_explanation;
	l.server.name = "millgate";
	l.server.hook = &l;
	if (sender == NULL)
		set_result(out, SPF_TEMPERROR, "out of memory");
	else if (spf_is_identity(q->domain))
		run(&l, q, sender, out);
	else
		set_result(out, SPF_NONE, NULL);
	if (l.limit != NULL)
		set_result(out, SPF_PERMERROR, l.limit);
	out->lookups = l.terms < SPF_TERMS_MAX ? l.terms : SPF_TERMS_MAX;
}
