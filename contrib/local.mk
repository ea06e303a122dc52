dist_doc_DATA = README.md ARCHITECTURE.md doc/EXTENDING.md contrib/millgate.conf.sample
EXTRA_DIST += contrib/install-packages contrib/quickstart contrib/quickstart.conf contrib/quickstart.py \
	contrib/millgate.service contrib/millgate.sysusers

# The unit, with the programs' real places.
if SYSTEMD
install-data-local:
	$(MKDIR_P) '$(DESTDIR)$(systemdsystemunitdir)'
	sed 's,/usr/sbin/,$(sbindir)/,; s,/usr/bin/millgate,$(bindir)/millgate,' $(srcdir)/contrib/millgate.service \
		>'$(DESTDIR)$(systemdsystemunitdir)/millgate.service'
	chmod 644 '$(DESTDIR)$(systemdsystemunitdir)/millgate.service'
uninstall-local:
	rm -f '$(DESTDIR)$(systemdsystemunitdir)/millgate.service'
endif
AM_DISTCHECK_CONFIGURE_FLAGS = --with-systemdsystemunitdir='$${prefix}/lib/systemd/system'
