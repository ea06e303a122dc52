/*
 * `millgate greylist report`: who was delayed, for how long, and who never came back, from the journal.
 *
 * A contact is an identity, a normalised sender and a recipient; a first contact one of which the journal knows nothing, or
 * whose retry window has passed without a retry: then it is new again.  A contact is delayed from its first deferral to
 * the first attempt that is let through, by Redis's clock.
 */
#ifndef MILLGATE_GREYLIST_REPORT_H
#define MILLGATE_GREYLIST_REPORT_H

#include "greylist/admin.h"
#include "greylist/journal.h"

enum grey_fate {
	GREY_FATE_MET,     /* let through at once: the recipient had written to the sender */
	GREY_FATE_CLIENT,  /* let through at once: the client had proved itself */
	GREY_FATE_SHADOW,  /* let through at once: greylisting only watched */
	GREY_FATE_BACK,    /* delayed, and came back */
	GREY_FATE_WAITING, /* delayed, may still come back */
	GREY_FATE_GONE,    /* delayed, and did not come back in time */
	GREY_FATES
};

/* A first contact and what became of it. */
struct grey_contact {
	const char *identity, *sender, *recipient; /* from the wire: escape before use */
	const char *why;                           /* of the first attempt */
	int64_t first_ms, last_ms;                 /* first and last attempt, up to the one that was let through */
	int64_t delay_ms;                          /* BACK */
	uint64_t attempts;                         /* the one that was let through included */
	enum grey_fate fate;
	bool older; /* its beginning is not in what was read; attempts counts what is */
};

/* An identity of which somebody was delayed. */
struct grey_waiter {
	const char *identity;
	uint64_t fates[GREY_FATES];
	uint64_t delayed;
	int64_t delay_ms; /* the longest */
};

struct grey_report {
	struct grey_journal journal;
	int64_t since_ms;
	uint64_t words[GREY_WORDS];        /* attempts, by what greylisting said */
	uint64_t fates[GREY_FATES];        /* contacts, by what became of them */
	uint64_t missed;                   /* attempts of contacts beyond GREY_CONTACTS_MAX */
	int64_t median_ms, p90_ms, max_ms; /* the delay of those that came back; -1: nobody did */

	const struct grey_contact *contacts; /* all, as they came */
	size_t n_contacts;
	const struct grey_contact **back; /* those that came back, the longest delay first */
	size_t n_back;
	const struct grey_waiter **waiters; /* the one with the most contacts delayed first */
	size_t n_waiters;
};

/* Contacts are kept in memory, some 500 bytes each; a journal of the usual size (100,000 entries) cannot have more. */
enum { GREY_CONTACTS_MAX = 200000 };

struct grey_gather; /* holds the memory of a report */

/* NULL with an error added.  since_ms: how far to look back. */
struct grey_gather *grey_report(const struct grey_admin *g, int64_t since_ms, struct grey_report *out,
				struct error_list *errors);
void grey_report_free(struct grey_gather **g);

/* For people, with at most `limit` lines of each kind; and all of it as JSON. */
void grey_report_text(const struct grey_report *r, unsigned limit, struct sbuf *out);
void grey_report_json(const struct grey_report *r, struct sbuf *out);

/* ---- For tests: the same without Redis ---- */

struct grey_gather *grey_gather_new(int64_t window_ms);
void grey_gather_add(void *gather, const struct grey_attempt *a);
/* now_ms: whose retry window is over then will not come back.  False when out of memory. */
bool grey_gather_finish(struct grey_gather *g, int64_t now_ms, struct grey_report *out);

#endif
