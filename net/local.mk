noinst_LIBRARIES += libnet.a
libnet_a_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS) $(UNBOUND_CFLAGS) $(HIREDIS_CFLAGS)
libnet_a_SOURCES = net/dns.h net/net.h net/redis.h net/server.h
