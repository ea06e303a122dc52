noinst_LIBRARIES += libnet.a
libnet_a_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS) $(UNBOUND_CFLAGS) $(HIREDIS_CFLAGS) $(CURL_CFLAGS)
libnet_a_SOURCES = \
	net/dns.c net/dns.h net/dns_ask.h \
	net/dns_context.c net/dns_context.h \
	net/dns_name.c net/dns_name.h \
	net/dns_packet.c net/dns_packet.h \
	net/host.c net/host.h \
	net/limits.h \
	net/listener.c net/listener.h \
	net/loop.c net/loop.h \
	net/mail_out.c net/mail_out.h \
	net/net.c net/net.h \
	net/redis.c net/redis.h \
	net/redis_command.c \
	net/redis_conn.c net/redis_conn.h \
	net/redis_link.c net/redis_link.h \
	net/redis_reply.c net/redis_reply.h \
	net/redis_scan.c net/redis_scan.h \
	net/redis_server.c net/redis_server.h \
	net/resp.c net/resp.h \
	net/server.c net/server.h \
	net/server_conn.c net/server_conn.h net/server_pool.c \
	net/sha1.c net/sha1.h \
	net/wait.c net/op.h

net_tests = \
	t/unit/net_attempt \
	t/unit/net_beside \
	t/unit/net_dns \
	t/unit/net_dns_name \
	t/unit/net_dns_packet \
	t/unit/net_listener \
	t/unit/net_redis \
	t/unit/net_redis_away \
	t/unit/net_redis_scan \
	t/unit/net_resp \
	t/unit/net_server \
	t/unit/net_wait
check_PROGRAMS += $(net_tests)
TESTS += $(net_tests)
NET_LIBS = $(EVENT_LIBS) $(UNBOUND_LIBS) $(HIREDIS_LIBS)
net_test_ldadd = libtap.a libnet.a libutil.a $(NET_LIBS) $(UNISTRING_LIBS)
net_fixture = t/unit/net_fixture.c t/unit/net_fixture.h
net_client = t/unit/net_client.c t/unit/net_client.h

t_unit_net_attempt_SOURCES = t/unit/net_attempt.c $(net_client) $(net_fixture)
t_unit_net_attempt_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS)
t_unit_net_attempt_LDADD = $(net_test_ldadd)

t_unit_net_beside_SOURCES = t/unit/net_beside.c $(net_fixture)
t_unit_net_beside_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS)
t_unit_net_beside_LDADD = $(net_test_ldadd)

t_unit_net_dns_SOURCES = t/unit/net_dns.c $(net_fixture)
t_unit_net_dns_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS)
t_unit_net_dns_LDADD = $(net_test_ldadd)

t_unit_net_dns_name_SOURCES = t/unit/net_dns_name.c
t_unit_net_dns_name_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS)
t_unit_net_dns_name_LDADD = $(net_test_ldadd)

t_unit_net_dns_packet_SOURCES = t/unit/net_dns_packet.c
t_unit_net_dns_packet_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS)
t_unit_net_dns_packet_LDADD = $(net_test_ldadd)

t_unit_net_listener_SOURCES = t/unit/net_listener.c $(net_fixture)
t_unit_net_listener_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS)
t_unit_net_listener_LDADD = $(net_test_ldadd)

t_unit_net_redis_SOURCES = t/unit/net_redis.c $(net_fixture)
t_unit_net_redis_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS)
t_unit_net_redis_LDADD = $(net_test_ldadd)

t_unit_net_redis_away_SOURCES = t/unit/net_redis_away.c $(net_fixture)
t_unit_net_redis_away_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS)
t_unit_net_redis_away_LDADD = $(net_test_ldadd)

t_unit_net_redis_scan_SOURCES = t/unit/net_redis_scan.c $(net_fixture)
t_unit_net_redis_scan_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS)
t_unit_net_redis_scan_LDADD = $(net_test_ldadd)

t_unit_net_resp_SOURCES = t/unit/net_resp.c
t_unit_net_resp_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS)
t_unit_net_resp_LDADD = $(net_test_ldadd)

t_unit_net_server_SOURCES = t/unit/net_server.c $(net_client) $(net_fixture)
t_unit_net_server_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS)
t_unit_net_server_LDADD = $(net_test_ldadd)

t_unit_net_wait_SOURCES = t/unit/net_wait.c $(net_fixture)
t_unit_net_wait_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS)
t_unit_net_wait_LDADD = $(net_test_ldadd)

# What asking costs; run by hand.
EXTRA_PROGRAMS += t/bench/net_bench
t_bench_net_bench_SOURCES = t/bench/net_bench.c $(net_fixture)
t_bench_net_bench_CPPFLAGS = $(AM_CPPFLAGS) $(EVENT_CFLAGS)
t_bench_net_bench_LDADD = $(net_test_ldadd)
