noinst_LIBRARIES += libnet.a
libnet_a_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS) $(UNBOUND_CFLAGS) $(HIREDIS_CFLAGS)
libnet_a_SOURCES = \
	net/dns.c net/dns.h net/dns_ask.h \
	net/dns_context.c net/dns_context.h \
	net/dns_name.c net/dns_name.h \
	net/dns_packet.c net/dns_packet.h \
	net/host.c net/host.h \
	net/limits.h \
	net/listener.c net/listener.h \
	net/loop.c net/loop.h net/net.h \
	net/redis.c net/redis.h \
	net/redis_conn.c net/redis_conn.h \
	net/redis_link.c net/redis_link.h \
	net/redis_reply.c net/redis_reply.h \
	net/redis_server.c net/redis_server.h \
	net/resp.c net/resp.h \
	net/server.c net/server.h \
	net/server_conn.c net/server_conn.h net/server_pool.c \
	net/sha1.c net/sha1.h \
	net/wait.c net/op.h
