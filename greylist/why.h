/*
 * Why greylisting decides as it does, in words: for the fact greylist_why and for `millgate greylist show`.  Inside
 * greylist/ only.
 */
#ifndef MILLGATE_GREYLIST_WHY_H
#define MILLGATE_GREYLIST_WHY_H

#include "greylist/identity.h"
#include "greylist/script.h"
#include "util/sbuf.h"

/* "by SPF"; "by host name: SPF fails"; "by network: no SPF record, no confirmed host name". */
void grey_why_identity(enum grey_spf spf, enum grey_host host, struct sbuf *out);

/* "10m: DNS lists list the client"; times are rounded up to seconds. */
void grey_why_delay(int64_t delay_ms, enum grey_delay delay, struct sbuf *out);

/* The two greatest units: "13d 4h", "4h 59m", "7s"; rounded up to whole seconds, so that nothing is over too early. */
void grey_why_span(int64_t ms, struct sbuf *out);

#endif
