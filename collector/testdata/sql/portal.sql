-- A home-grown portal, small and nasty: renewed tokens and failed attempts among the logins, service
-- accounts and leavers among the users, empty texts next to NULL, times on the bounds.
CREATE TABLE users (
	id         integer PRIMARY KEY,
	login      text NOT NULL,
	email      text,
	kind       text NOT NULL, -- employee, external, service
	active     boolean NOT NULL,
	last_seen  timestamptz
);
CREATE TABLE profiles (
	user_id integer PRIMARY KEY REFERENCES users,
	phone   text,
	about   text
);
CREATE TABLE logins (
	at      timestamptz NOT NULL,
	user_id integer REFERENCES users,
	channel text NOT NULL, -- web, mobile, sso_refresh, api
	success boolean NOT NULL
);
CREATE INDEX ON logins (at);
CREATE TABLE pages (
	id         integer PRIMARY KEY,
	author     integer REFERENCES users,
	created_at timestamptz NOT NULL,
	deleted_at timestamptz
);
CREATE TABLE page_views (
	at      timestamp NOT NULL, -- as the clock hangs in Amsterdam
	user_id integer REFERENCES users,
	page_id integer NOT NULL
);
CREATE INDEX ON page_views ((at AT TIME ZONE 'Europe/Amsterdam'));
CREATE TABLE answers (score integer);

INSERT INTO users VALUES
	(1, 'j.jansen', 'jan.jansen@example.org', 'employee', true, '2026-03-10 08:00:00+00'),
	(2, 'p.peters', '', 'employee', true, NULL),
	(3, 'guest-7', NULL, 'external', true, '2026-03-09 12:00:00.123456+00'),
	(4, 'svc-sync', NULL, 'service', true, '2026-03-10 08:59:59+00'),
	(5, 'l.leaver', 'leaver@example.org', 'employee', false, '2026-02-01 09:00:00+00');
INSERT INTO profiles VALUES (1, '+31 20 1234567', 'Hello'), (2, '', NULL), (5, NULL, 'Bye');
INSERT INTO logins VALUES
	('2026-03-09 23:59:59.999999+00', 1, 'web', true), -- just before the span
	('2026-03-10 00:00:00+00', 1, 'web', true),        -- its first moment
	('2026-03-10 08:00:00+00', 1, 'mobile', true),
	('2026-03-10 08:00:00+00', 1, 'mobile', true),     -- a second one at the same time
	('2026-03-10 08:15:00+00', 1, 'sso_refresh', true),
	('2026-03-10 08:20:00+00', 2, 'web', false),
	('2026-03-10 08:21:00+00', 2, 'web', true),
	('2026-03-10 08:59:59+00', 4, 'api', true),
	('2026-03-10 09:00:00+00', NULL, 'web', true),
	('2026-03-11 00:00:00+00', 2, 'web', true);        -- the end, which is outside
INSERT INTO pages VALUES
	(1, 1, '2026-01-05 10:00:00+00', NULL),
	(2, 2, '2026-03-10 10:00:00+00', NULL),
	(3, 2, '2026-03-10 11:00:00+00', '2026-03-10 11:30:00+00');
INSERT INTO page_views VALUES
	('2026-03-10 00:59:59', 1, 1), -- 23:59:59 the day before in UTC
	('2026-03-10 01:00:00', 1, 1),
	('2026-03-11 00:30:00', 3, 2);
