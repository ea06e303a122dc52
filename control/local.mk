noinst_LIBRARIES += libcontrol.a
libcontrol_a_SOURCES = control/ask.c control/control.c control/control.h control/limits.h \
	control/report.c
