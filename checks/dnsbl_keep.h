/*
 * Looking after the lists: examinations when they are due, and how they are doing, for people.  Inside checks/ only.
 */
#ifndef MILLGATE_CHECKS_DNSBL_KEEP_H
#define MILLGATE_CHECKS_DNSBL_KEEP_H

#include "checks/dnsbl_zones.h"

/* struct check, tick and status, for the lists of all checks of the section. */
void dnsbl_keep(const struct dnsbl_zones *lists, struct net_wait *w, int64_t deadline_ms);
/* {"reject_at":5,"lists":[{...},...]} */
void dnsbl_print(const struct dnsbl_zones *lists, struct sbuf *out);

#endif
