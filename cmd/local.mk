cmd_cppflags = -DMILLGATE_CONF=\"$(sysconfdir)/millgate/millgate.conf\"
