noinst_LIBRARIES += libcontrol.a
libcontrol_a_SOURCES = control/ask.c control/control.c control/control.h control/limits.h \
	control/report.c

check_PROGRAMS += t/unit/control_socket
TESTS += t/unit/control_socket
t_unit_control_socket_SOURCES = t/unit/control_socket.c
t_unit_control_socket_LDADD = libtap.a libcontrol.a libnet.a libutil.a $(EVENT_LIBS) $(UNBOUND_LIBS) $(HIREDIS_LIBS) \
	$(UNISTRING_LIBS)
