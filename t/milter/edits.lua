--[==[ millgate.conf
rules = (
  { name = "stamp"; match = "always"; then = { add_header = "X-Checked: yes"; }; },
  { name = "set";   when = ( { fact = "subject"; contains = "set"; } ); then = { set_header = "X-Old: new"; }; },
  { name = "take";  when = ( { fact = "subject"; contains = "take"; } ); then = { remove_header = "X-Old"; }; },
  { name = "tag";   when = ( { fact = "subject"; contains = "tag"; } ); then = { tag_subject = "[tag]"; }; },
  { name = "hold";  when = ( { fact = "subject"; contains = "hold"; } ); then = { quarantine = "odd"; }; },
  { name = "move";  when = ( { fact = "recipient"; is = "Leaver@example.net"; } ); then = { move = "boss@example.net"; }; },
  { name = "copy";  when = ( { fact = "subject"; contains = "copy"; } ); then = { copy = "archive@example.net"; }; },
  { name = "drop";  when = ( { fact = "recipient"; is = "trap@example.net"; } ); then = { delete = true; }; }
);
]==]

local function accepted(m, name, check)
	local conn = finished(m)
	ok(mt.getreply(conn) == SMFIR_ACCEPT, name .. ": accepted")
	ok(check(conn), name .. ": and edited")
	ok(mt.getheader(conn, "X-Checked", 0) == " yes", name .. ": and stamped")
	mt.disconnect(conn)
end

accepted({}, "nothing more", function(c)
	return not mt.eom_check(c, MT_RCPTDELETE, "<bob@example.net>") and not mt.eom_check(c, MT_HDRCHANGE)
		and not mt.eom_check(c, MT_HDRDELETE) and not mt.eom_check(c, MT_QUARANTINE)
end)
accepted({ subject = "set" }, "set_header", function(c)
	return mt.eom_check(c, MT_HDRCHANGE, "X-Old", " new")
end)
accepted({ subject = "take" }, "remove_header", function(c)
	return mt.eom_check(c, MT_HDRDELETE, "X-Old")
end)
accepted({ subject = "tag me" }, "tag_subject", function(c)
	return mt.eom_check(c, MT_HDRCHANGE, "Subject", " [tag] tag me")
end)
accepted({ subject = "hold" }, "quarantine", function(c)
	return mt.eom_check(c, MT_QUARANTINE)
end)
-- The argument of RCPT exactly as it came: with other letters the MTA would delete nothing.
accepted({ rcpts = { "<leaver@Example.NET>", "<bob@example.net>" } }, "move", function(c)
	return mt.eom_check(c, MT_RCPTDELETE, "<leaver@Example.NET>") and mt.eom_check(c, MT_RCPTADD, "boss@example.net")
		and not mt.eom_check(c, MT_RCPTDELETE, "<bob@example.net>")
end)
-- The copy comes with ESMTP parameters, which miltertest does not show.
accepted({ subject = "copy" }, "copy", function(c)
	return not mt.eom_check(c, MT_RCPTDELETE, "<bob@example.net>")
end)
accepted({ rcpts = { "<trap@example.net>", "<bob@example.net>" } }, "delete, one of two", function(c)
	return mt.eom_check(c, MT_RCPTDELETE, "<trap@example.net>") and not mt.eom_check(c, MT_RCPTDELETE, "<bob@example.net>")
end)
