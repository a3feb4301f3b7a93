-- The portal of portal.sql as SQLite has it: a time is Unix seconds, a text in UTC, or one with its offset.
CREATE TABLE users (
	id         INTEGER PRIMARY KEY,
	login      TEXT NOT NULL,
	email      TEXT,
	kind       TEXT NOT NULL, -- employee, external, service
	active     BOOLEAN NOT NULL,
	last_seen  REAL           -- Unix seconds
);
CREATE TABLE profiles (user_id INTEGER PRIMARY KEY, phone TEXT, about TEXT);
CREATE TABLE logins (
	at      DATETIME NOT NULL, -- text, in UTC
	user_id INTEGER,
	channel TEXT NOT NULL,     -- web, mobile, sso_refresh, api
	success BOOLEAN NOT NULL
);
CREATE INDEX logins_at ON logins (at);
CREATE TABLE pages (id INTEGER PRIMARY KEY, author INTEGER, created_at INTEGER NOT NULL, deleted_at INTEGER);
CREATE TABLE page_views (at TEXT NOT NULL, user_id INTEGER, page_id INTEGER NOT NULL);
CREATE TABLE answers (score INTEGER);

INSERT INTO users VALUES
	(1, 'j.jansen', 'jan.jansen@example.org', 'employee', TRUE, unixepoch('2026-03-10 08:00:00')),
	(2, 'p.peters', '', 'employee', TRUE, NULL),
	(3, 'guest-7', NULL, 'external', TRUE, unixepoch('2026-03-09 12:00:00') + 0.123456),
	(4, 'svc-sync', NULL, 'service', TRUE, unixepoch('2026-03-10 08:59:59')),
	(5, 'l.leaver', 'leaver@example.org', 'employee', FALSE, unixepoch('2026-02-01 09:00:00'));
INSERT INTO profiles VALUES (1, '+31 20 1234567', 'Hello'), (2, '', NULL), (5, NULL, 'Bye');
INSERT INTO logins VALUES
	('2026-03-09 23:59:59.999999', 1, 'web', TRUE), -- just before the span
	('2026-03-10 00:00:00', 1, 'web', TRUE),        -- its first moment
	('2026-03-10 08:00:00', 1, 'mobile', TRUE),
	('2026-03-10 08:00:00', 1, 'mobile', TRUE),     -- a second one at the same time
	('2026-03-10 08:15:00', 1, 'sso_refresh', TRUE),
	('2026-03-10 08:20:00', 2, 'web', FALSE),
	('2026-03-10 08:21:00', 2, 'web', TRUE),
	('2026-03-10 08:59:59', 4, 'api', TRUE),
	('2026-03-10 09:00:00', NULL, 'web', TRUE),
	('2026-03-11 00:00:00', 2, 'web', TRUE);        -- the end, which is outside
INSERT INTO pages VALUES
	(1, 1, unixepoch('2026-01-05 10:00:00'), NULL),
	(2, 2, unixepoch('2026-03-10 10:00:00'), NULL),
	(3, 2, unixepoch('2026-03-10 11:00:00'), unixepoch('2026-03-10 11:30:00'));
INSERT INTO page_views VALUES
	('2026-03-10T00:59:59+01:00', 1, 1), -- 23:59:59 the day before in UTC
	('2026-03-10T01:00:00+01:00', 1, 1),
	('2026-03-11T00:30:00+01:00', 3, 2);
