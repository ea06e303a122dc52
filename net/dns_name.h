/*
 * Domain names as text.  Only net/ includes this.
 */
#ifndef MILLGATE_NET_DNS_NAME_H
#define MILLGATE_NET_DNS_NAME_H

#include <stddef.h>

/* Room for the longest name with every byte escaped as \DDD, and the NUL. */
enum { DNS_ESCAPED_SIZE = 4 * 255 + 1 };

/*
 * The name as libunbound reads it: bytes with a meaning to its parser escaped, no last dot.  The length written, or 0
 * when it is no valid name (an empty label, one over 63 bytes, more than 255 bytes on the wire).
 */
size_t dns_name_escape(const char *name, char out[DNS_ESCAPED_SIZE]);

#endif
