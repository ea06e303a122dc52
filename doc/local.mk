dist_man_MANS += doc/millgate.1 doc/millgated.8

# millgate.conf(5) comes from the tables that the program itself reads, between a head and a tail written by hand.
noinst_PROGRAMS += doc/mkconfman
doc_mkconfman_SOURCES = doc/mkconfman.c
doc_mkconfman_LDADD = $(millgate_libs) $(millgate_deps)
nodist_man_MANS = doc/millgate.conf.5
doc/millgate.conf.5: doc/mkconfman doc/millgate.conf.5.head doc/millgate.conf.5.tail
	$(AM_V_GEN)doc/mkconfman >$@.body && \
		cat $(srcdir)/doc/millgate.conf.5.head $@.body $(srcdir)/doc/millgate.conf.5.tail >$@.new && \
		rm $@.body && mv $@.new $@
CLEANFILES += doc/millgate.conf.5
EXTRA_DIST += doc/millgate.conf.5.head doc/millgate.conf.5.tail
