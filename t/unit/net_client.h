/*
 * The client's side of a stream server on a Unix socket.  What goes wrong ends the test.
 */
#ifndef MILLGATE_T_UNIT_NET_CLIENT_H
#define MILLGATE_T_UNIT_NET_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

/* Connects a socket that is there already, or a new one. */
void client_connect(int fd, const char *path);
int client_open(const char *path);

void client_put(int fd, const char *text);
void client_put_n(int fd, const char *p, size_t n);

/* Reads n bytes, or to the end when that comes first; answers how many. */
size_t client_get(int fd, char *p, size_t n);
/* The next line, without its end; valid until the next call of the thread. */
const char *client_line(int fd);
/* Whether the server has closed it, which is waited for; any further byte says no. */
bool client_is_closed(int fd);

#endif
