/*
 * The guard of a DNS list: whether the list may be asked and believed.  It learns from every answer that sessions get
 * and from examinations (dnsbl_exam.h), suspends a list that does harm, and puts it in force again.
 *
 *	unproved	asked; a listing is believed when the session's own examination finds nothing wrong
 *	in force	asked; a listing is confirmed by fresh controls (dnsbl_exam.h)
 *	doubted		many failures: the keeper examines it, within a second; until then as an unproved one.  It goes on
 *			being asked, or whoever finds names that it cannot answer could switch it off again and again
 *	suspended	not asked, as if it were not there; examined with growing pauses, and in force again once all is well
 *
 * Inside checks/ only.  All functions are thread-safe; now_ms is clock_mono_ms().
 */
#ifndef MILLGATE_CHECKS_DNSBL_GUARD_H
#define MILLGATE_CHECKS_DNSBL_GUARD_H

#include "checks/dnsbl_rate.h"
#include "checks/dnsbl_zones.h"

enum dnsbl_standing { DNSBL_UNPROVED, DNSBL_IN_FORCE, DNSBL_DOUBTED, DNSBL_SUSPENDED };

/* The two kinds of names in a list of addresses: each has an examination of its own.  Domains are on the first. */
enum dnsbl_side { DNSBL_SIDE_V4, DNSBL_SIDE_V6, DNSBL_SIDES };
#define DNSBL_SIDE_DOMAINS DNSBL_SIDE_V4

/* Whether a list has IPv6 at all: without its test entry it has none, which is normal. */
enum dnsbl_ipv6 { DNSBL_IPV6_UNKNOWN, DNSBL_IPV6_NO, DNSBL_IPV6_YES };

struct dnsbl_guard *dnsbl_guard_new(struct arena *a);
void dnsbl_guard_release(struct dnsbl_guard *g);

enum dnsbl_standing dnsbl_guard_standing(const struct dnsbl_guard *g);
enum dnsbl_ipv6 dnsbl_guard_ipv6(const struct dnsbl_guard *g);

/* Whether controls of that side that were asked at since_ms or later were clean. */
bool dnsbl_guard_trusts(const struct dnsbl_guard *g, enum dnsbl_side side, int64_t since_ms);

/* ---- What sessions see ---- */

void dnsbl_guard_asked(struct dnsbl_guard *g);
/* An answer about a client or domain: listed (with a code that counts) or not. */
void dnsbl_guard_answered(const struct dnsbl_zone *z, const struct dnsbl_subject *about, bool listed, int64_t now_ms);
/* A listing that was confirmed: it counts as a hit. */
void dnsbl_guard_believed(struct dnsbl_guard *g);
/* No answer; why is static. */
void dnsbl_guard_failed(const struct dnsbl_zone *z, const char *why, int64_t now_ms);
/* An answer that is an error of the list. */
void dnsbl_guard_error(const struct dnsbl_zone *z, const struct ip *answer, int64_t now_ms);
/* Controls were clean that were asked at asked_ms. */
void dnsbl_guard_controlled(struct dnsbl_guard *g, enum dnsbl_side side, int64_t asked_ms);
/* The list does something that no working list does; why is for people, without the zone. */
void dnsbl_guard_suspend(const struct dnsbl_zone *z, const char *why, int64_t now_ms);

/*
 * Whether a listing counts only when most neighbours of *memory are not listed: when that was not found lately, and no
 * controls are trusted or it lists everybody all of a sudden.
 */
bool dnsbl_guard_suspects(struct dnsbl_guard *g, bool trusted, int64_t now_ms, struct dnsbl_memory *memory);
/* They are not. */
void dnsbl_guard_cleared(struct dnsbl_guard *g, int64_t now_ms);

/*
 * An entry of an allow list speaks for somebody whom another list has.  While the allow list is suspended, its last word
 * for those it saved lately stands: its failure must not have them refused.
 */
void dnsbl_guard_save(struct dnsbl_guard *g, const struct dnsbl_subject *about, unsigned entry);
bool dnsbl_guard_saved(struct dnsbl_guard *g, const struct dnsbl_subject *about, unsigned entry);

/* ---- The keeper ---- */

/* Whether an examination is due; *memory, which may be NULL, is for it. */
bool dnsbl_guard_due(struct dnsbl_guard *g, int64_t now_ms, struct dnsbl_memory *memory);

/*
 * The examination that began at asked_ms found nothing wrong, which says nothing of a suspension since; or no answers to go
 * by.  What was wrong goes to dnsbl_guard_suspend().
 */
void dnsbl_guard_passed(const struct dnsbl_zone *z, enum dnsbl_ipv6 ipv6, int64_t asked_ms, int64_t now_ms);
void dnsbl_guard_silent(const struct dnsbl_zone *z, const char *why, int64_t now_ms);

/* ---- For people ---- */

/* One JSON object, without the zone. */
void dnsbl_guard_print(const struct dnsbl_zone *z, int64_t now_ms, struct sbuf *out);

#endif
