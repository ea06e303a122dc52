/*
 * DNS lists that work, over a DNS without a network, until a test breaks them.
 */
#ifndef MILLGATE_T_UNIT_CHECKS_DNSBL_FIXTURE_H
#define MILLGATE_T_UNIT_CHECKS_DNSBL_FIXTURE_H

#include "checks/dnsbl_guard.h"
#include "checks/dnsbl_health.h"
#include "t/lib/check_fixture.h"

/* 127.0.0.2 in IPv6, as it is asked about (RFC 5782, section 5). */
#define BL_TEST_V6 "2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."

/* Configurations: one list, "black"; that and an allow list, "white". */
extern const char bl_one[], bl_pair[];

/* ---- The DNS ---- */

/* Forgets everything but that both lists work. */
void bl_all_work(void);
/* The list has the entries that every list has. */
void bl_works(const char *zone);
void bl_lists(const char *zone, const char *ip);
/* A name that must not be answered by a wildcard. */
void bl_spares(const char *name);

/* ---- The check ---- */

void bl_load(struct check_fixture *f, const char *conf);
void bl_tick(struct check_fixture *f);
const struct dnsbl_zone *bl_zone(struct check_fixture *f, unsigned i);
/* Of the first list. */
enum dnsbl_standing bl_standing(struct check_fixture *f);
void bl_is_suspended(struct check_fixture *f, const char *why, const char *what);
/* The score of a client, as text. */
const char *bl_score(struct check_fixture *f, const char *ip);
/* n clients of different networks, of which every listed_of-th is listed (0: none). */
void bl_ask_many(struct check_fixture *f, unsigned net, unsigned n, unsigned listed_of);

#endif
