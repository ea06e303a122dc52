# libidn2: internationalised domain names.
AC_DEFUN([MG_LIBIDN2], [MG_PKG([IDN2], [libidn2 >= 2.0], [libidn2-dev])])
