-- The portal of portal.sql as MariaDB has it: a time is a timestamp, Unix seconds, or what a clock in Amsterdam showed.
SET time_zone = '+00:00';
CREATE TABLE users (
	id         int PRIMARY KEY,
	login      varchar(100) NOT NULL,
	email      text,
	kind       enum ('employee', 'external', 'service') NOT NULL,
	active     boolean NOT NULL,
	last_seen  timestamp(6) NULL
);
CREATE TABLE profiles (
	user_id int PRIMARY KEY,
	phone   text,
	about   text
);
CREATE TABLE logins (
	at      timestamp(6) NOT NULL,
	user_id int,
	channel varchar(20) NOT NULL, -- web, mobile, sso_refresh, api
	success boolean NOT NULL
);
CREATE INDEX logins_at ON logins (at);
CREATE TABLE pages (
	id         int PRIMARY KEY,
	author     int,
	created_at bigint NOT NULL, -- Unix seconds
	deleted_at bigint
);
CREATE TABLE page_views (
	at      datetime NOT NULL, -- as the clock hangs in Amsterdam
	user_id int,
	page_id int NOT NULL
);
CREATE INDEX page_views_at ON page_views (at);
CREATE TABLE answers (score int);

INSERT INTO users VALUES
	(1, 'j.jansen', 'jan.jansen@example.org', 'employee', true, '2026-03-10 08:00:00'),
	(2, 'p.peters', '', 'employee', true, NULL),
	(3, 'guest-7', NULL, 'external', true, '2026-03-09 12:00:00.123456'),
	(4, 'svc-sync', NULL, 'service', true, '2026-03-10 08:59:59'),
	(5, 'l.leaver', 'leaver@example.org', 'employee', false, '2026-02-01 09:00:00');
INSERT INTO profiles VALUES (1, '+31 20 1234567', 'Hello'), (2, '', NULL), (5, NULL, 'Bye');
INSERT INTO logins VALUES
	('2026-03-09 23:59:59.999999', 1, 'web', true), -- just before the span
	('2026-03-10 00:00:00', 1, 'web', true),        -- its first moment
	('2026-03-10 08:00:00', 1, 'mobile', true),
	('2026-03-10 08:00:00', 1, 'mobile', true),     -- a second one at the same time
	('2026-03-10 08:15:00', 1, 'sso_refresh', true),
	('2026-03-10 08:20:00', 2, 'web', false),
	('2026-03-10 08:21:00', 2, 'web', true),
	('2026-03-10 08:59:59', 4, 'api', true),
	('2026-03-10 09:00:00', NULL, 'web', true),
	('2026-03-11 00:00:00', 2, 'web', true);        -- the end, which is outside
INSERT INTO pages VALUES
	(1, 1, unix_timestamp('2026-01-05 10:00:00'), NULL),
	(2, 2, unix_timestamp('2026-03-10 10:00:00'), NULL),
	(3, 2, unix_timestamp('2026-03-10 11:00:00'), unix_timestamp('2026-03-10 11:30:00'));
INSERT INTO page_views VALUES
	('2026-03-10 00:59:59', 1, 1), -- 23:59:59 the day before in UTC
	('2026-03-10 01:00:00', 1, 1),
	('2026-03-11 00:30:00', 3, 2);
