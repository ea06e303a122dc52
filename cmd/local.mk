# From high to low: a library uses those behind it.
millgate_libs = libcontrol.a libengine.a librules.a libgreylist.a libchecks.a libmime.a libmail.a \
	libnet.a libconf.a libutil.a
millgate_deps = $(EVENT_LIBS) $(UNBOUND_LIBS) $(HIREDIS_LIBS) $(PSL_LIBS) $(CONFIG_LIBS) $(PCRE2_LIBS) \
	$(UNISTRING_LIBS) $(SPF2_LIBS) $(OPENDKIM_LIBS) $(CRYPTO_LIBS) $(IDN2_LIBS) $(CURL_LIBS)
cmd_cppflags = -DMILLGATE_CONF=\"$(sysconfdir)/millgate/millgate.conf\"

sbin_PROGRAMS += millgated
millgated_SOURCES = cmd/daemon.c cmd/daemon.h cmd/identity.c cmd/identity.h cmd/millgated.c
millgated_CPPFLAGS = $(AM_CPPFLAGS) $(cmd_cppflags)
millgated_LDADD = libmilterfront.a libpolicyd.a $(millgate_libs) $(MILTER_LIBS) $(millgate_deps)

bin_PROGRAMS += millgate
millgate_SOURCES = cmd/command.c cmd/command.h cmd/config.c cmd/daemon_control.c cmd/dkim.c cmd/dnsbl.c cmd/greylist.c cmd/millgate.c
millgate_SOURCES += cmd/greylist_report.c cmd/limits.c
millgate_CPPFLAGS = $(AM_CPPFLAGS) $(cmd_cppflags)
millgate_LDADD = $(millgate_libs) $(millgate_deps) $(JANSSON_LIBS)
