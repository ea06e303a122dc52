-- What the miltertest scripts share: TAP lines, and a message sent step by step.
-- miltertest ends silently with status 1 at a step that the filter negotiated away: each is asked for first.

count = 0

function ok(condition, name)
	count = count + 1
	mt.echo((condition and "ok " or "not ok ") .. count .. " - " .. name)
	return condition
end

function must(error_text, what)
	if error_text ~= nil then
		error(what .. ": " .. error_text)
	end
end

-- Whether the filter wants a step; bit: SMFIP_NO...
function wants(conn, bit)
	return not mt.test_option(conn, bit)
end

-- Whether it answers it; bit: SMFIP_NR_...
function answers(conn, bit)
	return not mt.test_option(conn, bit)
end

REFUSED = { [SMFIR_REPLYCODE] = true, [SMFIR_REJECT] = true, [SMFIR_TEMPFAIL] = true, [SMFIR_DISCARD] = true }

-- What came back for a step that is answered, as a word: "continue", "refused"; "none" for one that is not.
function came(conn, bit)
	if not answers(conn, bit) then
		return "none"
	end
	return REFUSED[mt.getreply(conn)] and "refused" or "continue"
end

-- m: ip, helo, from, rcpts, subject, body (all optional).  Calls step(name, word) for each step; the message is over
-- when that answers false.  Answers the connection.
function send(m, step)
	local conn = mt.connect(socket)
	if conn == nil then
		error("cannot connect")
	end
	must(mt.negotiate(conn, nil, nil, nil), "negotiate")
	must(mt.conninfo(conn, "mail.example.org", m.ip or "198.51.100.1"), "conninfo")
	step("CONNECT", came(conn, SMFIP_NR_CONN))
	must(mt.helo(conn, m.helo or "mail.example.org"), "helo")
	if step("HELO", came(conn, SMFIP_NR_HELO)) == false then
		return conn
	end
	must(mt.mailfrom(conn, m.from or "<alice@example.org>"), "mailfrom")
	if step("MAIL", came(conn, SMFIP_NR_MAIL)) == false then
		return conn
	end
	for _, rcpt in ipairs(m.rcpts or { "<bob@example.net>" }) do
		must(mt.rcptto(conn, rcpt), "rcptto")
		if step("RCPT", came(conn, SMFIP_NR_RCPT)) == false then
			return conn
		end
	end
	if wants(conn, SMFIP_NODATA) then
		must(mt.data(conn), "data")
		if step("DATA", came(conn, SMFIP_NR_DATA)) == false then
			return conn
		end
	end
	if wants(conn, SMFIP_NOHDRS) then
		must(mt.header(conn, "From", " alice@example.org"), "header")
		must(mt.header(conn, "Subject", " " .. (m.subject or "hello")), "header")
		must(mt.header(conn, "X-Old", " one"), "header")
		must(mt.header(conn, "X-Old", " two"), "header")
	end
	if wants(conn, SMFIP_NOEOH) then
		must(mt.eoh(conn), "eoh")
		if step("EOH", came(conn, SMFIP_NR_EOH)) == false then
			return conn
		end
	end
	if wants(conn, SMFIP_NOBODY) then
		must(mt.bodystring(conn, m.body or "hello\r\n"), "bodystring")
	end
	must(mt.eom(conn), "eom")
	step("END", mt.getreply(conn) == SMFIR_ACCEPT and "accept" or REFUSED[mt.getreply(conn)] and "refused" or "continue")
	return conn
end

-- Where the message is refused: the step's name, or "nowhere".  Answers that and the connection.
function refused_at(m)
	local where = "nowhere"
	local conn = send(m, function(name, word)
		if word == "refused" then
			where = name
			return false
		end
	end)
	return where, conn
end

-- The connection of a message that is sent to its end.
function finished(m)
	return send(m, function() end)
end
