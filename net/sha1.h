/*
 * SHA-1 (RFC 3174), for the names of Redis scripts; nothing here is a secret.  Only net/ includes this.
 */
#ifndef MILLGATE_NET_SHA1_H
#define MILLGATE_NET_SHA1_H

#include <stddef.h>

enum { SHA1_HEX_SIZE = 41 };

void sha1_hex(const char *p, size_t n, char hex[SHA1_HEX_SIZE]);

#endif
