/*
 * Short identifiers of transactions: what a reply, the log and the journal share.
 */
#ifndef MILLGATE_UTIL_ID_H
#define MILLGATE_UTIL_ID_H

enum { ID_SIZE = 14 }; /* 13 characters and the NUL */

/*
 * A new id: 13 characters of 0-9 and lower-case consonants, sorted by time (to the millisecond) when sorted as text,
 * unguessable in its last five.  Thread-safe; a process that forks and has both sides go on making ids must not have made
 * one before.
 */
void id_make(char buf[ID_SIZE]);

#endif
