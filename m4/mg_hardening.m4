# MG_HARDENING: what the compiler and linker offer, unless --disable-hardening.  _FORTIFY_SOURCE needs optimisation and
# gets in the way of sanitizers.
AC_DEFUN([MG_HARDENING],
[AC_ARG_ENABLE([hardening], [AS_HELP_STRING([--disable-hardening], [no hardening flags of our own])], [],
	[enable_hardening=yes])
AS_IF([test "$enable_hardening" = yes],
	[MG_TRY_CFLAG([HARDENING_CFLAGS], [-fstack-protector-strong])
	MG_TRY_CFLAG([HARDENING_CFLAGS], [-fstack-clash-protection])
	AS_IF([test -z "$SANITIZER"], [MG_TRY_CFLAG([HARDENING_CFLAGS], [-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2])])
	MG_TRY_CFLAG([HARDENING_CFLAGS], [-fPIE])
	MG_TRY_LDFLAG([HARDENING_LDFLAGS], [-pie])
	MG_TRY_LDFLAG([HARDENING_LDFLAGS], [-Wl,-z,relro])
	MG_TRY_LDFLAG([HARDENING_LDFLAGS], [-Wl,-z,now])])
AC_SUBST([HARDENING_CFLAGS])
AC_SUBST([HARDENING_LDFLAGS])])
