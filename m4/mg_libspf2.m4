# libspf2 (it has no .pc file): the second evaluator of SPF.  Its headers want the system's of DNS before them.
AC_DEFUN([MG_LIBSPF2],
[AC_CHECK_HEADER([spf2/spf.h],
	[AC_CHECK_LIB([spf2], [SPF_server_new_dns], [AC_SUBST([SPF2_LIBS], [-lspf2])],
		[MG_MISSING([libspf2-dev])])],
	[MG_MISSING([libspf2-dev])],
	[#include <netinet/in.h>
	#include <arpa/nameser.h>
	#include <netdb.h>])])
