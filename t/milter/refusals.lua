--[==[ millgate.conf
rules = (
  { name = "client";  when = ( { fact = "client_ip"; is = "192.0.2.1"; } ); then = { reject = true; }; },
  { name = "helo";    when = ( { fact = "helo"; is = "bad.example"; } ); then = { reject = true; }; },
  { name = "sender";  when = ( { fact = "sender"; is = "bad@example.org"; } ); then = { defer = true; }; },
  { name = "rcpt";    when = ( { fact = "recipient"; is = "bad@example.net"; } ); then = { reject = true; }; },
  { name = "subject"; when = ( { fact = "subject"; is = "bad"; } ); then = { reject = true; }; },
  { name = "size";    when = ( { fact = "size"; over = "1K"; } ); then = { reject = "552 5.3.4 too %large"; }; },
  { name = "gone";    when = ( { fact = "subject"; is = "gone"; } ); then = { delete = true; }; },
  { name = "early";   refuse_at = "connect"; when = ( { fact = "client_ip"; is = "192.0.2.2"; } ); then = { reject = true; }; },
  { name = "earlier"; refuse_at = "connect"; when = ( { fact = "sender"; is = "worse@example.org"; } ); then = { defer = true; }; }
);
]==]

local function expect(where, m, name)
	local got, conn = refused_at(m)
	ok(got == where, name .. ": refused at " .. got)
	mt.disconnect(conn)
end

expect("RCPT", { ip = "192.0.2.1" }, "client")
expect("RCPT", { helo = "bad.example" }, "HELO")
expect("RCPT", { from = "<bad@example.org>" }, "sender")
expect("RCPT", { rcpts = { "<bad@example.net>" } }, "recipient")
expect("EOH", { subject = "bad" }, "subject")
expect("HELO", { ip = "192.0.2.2" }, "client, as early as can be")
expect("MAIL", { from = "<worse@example.org>" }, "sender, as early as can be")
expect("nowhere", {}, "a message that nothing fits")

local conn = finished({ body = string.rep("0123456789abcdef\r\n", 100) })
-- miltertest 2.11 does not show a last reply's text, whatever MT_SMTPREPLY says; mtatalk does.
ok(mt.getreply(conn) == SMFIR_REPLYCODE, "size: a reply at the end")
mt.disconnect(conn)

conn = finished({ subject = "gone" })
ok(mt.getreply(conn) == SMFIR_DISCARD, "delete: discarded")
mt.disconnect(conn)

-- One of two recipients.
local words = {}
conn = send({ rcpts = { "<bad@example.net>", "<bob@example.net>" } }, function(name, word)
	if name == "RCPT" or name == "END" then
		words[#words + 1] = word
	end
end)
ok(table.concat(words, " ") == "refused continue accept", "one of two recipients: " .. table.concat(words, " "))
mt.disconnect(conn)

-- An impolite end.
conn = send({}, function(name)
	return name ~= "RCPT"
end)
mt.disconnect(conn, false)
expect("nowhere", {}, "after a connection that was lost")
