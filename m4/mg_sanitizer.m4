# MG_SANITIZER: --with-sanitizer=address,undefined or =thread instruments everything that is built.
AC_DEFUN([MG_SANITIZER],
[AC_ARG_WITH([sanitizer],
	[AS_HELP_STRING([--with-sanitizer=LIST], [instrument: "address,undefined" or "thread"])],
	[], [with_sanitizer=no])
AS_CASE([$with_sanitizer],
	[yes], [AC_MSG_ERROR([--with-sanitizer needs a list, e.g. address,undefined])],
	[no], [with_sanitizer=])
AS_IF([test -n "$with_sanitizer"],
	[MG_TRY_LDFLAG([SANITIZER_CFLAGS], [-fsanitize=$with_sanitizer])
	AS_IF([test -z "$SANITIZER_CFLAGS"], [AC_MSG_ERROR([$CC cannot link with -fsanitize=$with_sanitizer])])
	AS_VAR_APPEND([SANITIZER_CFLAGS], [" -fno-omit-frame-pointer -fno-sanitize-recover=all"])])
AC_SUBST([SANITIZER_CFLAGS])
AC_SUBST([SANITIZER], [$with_sanitizer])])
