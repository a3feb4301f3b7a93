-- A home-grown intranet portal, with the untidiness of a real one. Everything follows from setseed.
CREATE TABLE users (
	id bigint PRIMARY KEY,
	login text NOT NULL,
	email text,
	kind text NOT NULL,       -- employee, guest, service
	active boolean NOT NULL,
	last_login timestamptz    -- NULL = never
);
CREATE TABLE profiles (user_id bigint PRIMARY KEY, phone text, title text, photo bytea); -- not everybody has one
CREATE TABLE logins (
	at timestamptz NOT NULL,
	user_id bigint,           -- NULL = nobody known; some belong to accounts that were deleted
	channel text NOT NULL,    -- web, mobile, sso_refresh, api
	ok boolean NOT NULL
);
CREATE TABLE pages (id bigint PRIMARY KEY, title text NOT NULL, author bigint, created timestamptz NOT NULL, deleted timestamptz);
CREATE TABLE page_views (at timestamptz NOT NULL, user_id bigint, page_id bigint NOT NULL);
CREATE TABLE feed (at timestamptz NOT NULL, user_id bigint, what text NOT NULL, hits int); -- edit, comment, like, search

-- A moment of the last days, with whole seconds and minutes that many rows share. Some lie in the next
-- hour, as clocks do that run ahead. (Functions of one expression each, which PostgreSQL inlines.)
CREATE FUNCTION moment(i int, days int) RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
	SELECT date_bin((ARRAY['1 minute', '1 minute', '1 second', '1 second', '5 minutes', '1 microsecond']::interval[])[1 + $1 % 6],
		now() + interval '1 hour' - $2 * random() * interval '1 day', '2020-01-01Z')
$$;
-- Weekends have 15 % of a working day.
CREATE FUNCTION worked(at timestamptz) RETURNS boolean LANGUAGE sql VOLATILE AS $$
	SELECT extract(isodow FROM $1) < 6 OR random() < 0.15
$$;
-- Few do much, most do little: somebody, somebody deleted, or nobody known.
CREATE FUNCTION somebody() RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT CASE WHEN random() < 0.01 THEN NULL ELSE 1 + floor(100600 * random() ^ 1.7)::bigint END
$$;

SELECT setseed(:seed);

INSERT INTO users
SELECT id,
	CASE WHEN id % 997 = 0 THEN 'svc-' || id WHEN id % 499 = 0 THEN 'test-' || id ELSE 'u' || id || '.' || (:'surnames'::text[])[1 + id % 16] END,
	CASE WHEN r < 0.05 THEN NULL WHEN r < 0.1 THEN '' ELSE 'u' || id || '@example.org' END,
	CASE WHEN id % 997 = 0 OR id % 1009 = 0 THEN 'service' WHEN id % 23 = 0 THEN 'guest' ELSE 'employee' END,
	random() < 0.94,
	CASE WHEN random() < 0.9 THEN now() - random() * interval '1000 days' END
FROM (SELECT id, random() AS r FROM generate_series(1, 99999) id) x
UNION ALL SELECT 100000, 'u100000.' || (:'surnames'::text[])[1], '', 'employee', true, NULL;

INSERT INTO profiles
SELECT id, CASE WHEN random() < 0.6 THEN '+31 20 ' || id WHEN random() < 0.5 THEN '' END,
	CASE WHEN random() < 0.5 THEN 'Clerk' WHEN random() < 0.5 THEN '' END,
	CASE WHEN random() < 0.3 THEN '\x01'::bytea WHEN random() < 0.5 THEN '\x'::bytea END
FROM users WHERE id % 10 <> 0;

INSERT INTO logins
SELECT at, somebody(), (ARRAY['web', 'web', 'mobile', 'sso_refresh', 'sso_refresh', 'api'])[1 + floor(random() * 6)::int], random() < 0.95
FROM (SELECT moment(i, 180) AS at FROM generate_series(1, 3200000) i) m WHERE worked(at) LIMIT 2000000;

INSERT INTO pages
SELECT id, :'title' || ' ' || id, somebody(), moment(id, 400), CASE WHEN random() < 0.1 THEN now() - interval '2 hours' END
FROM generate_series(1, 5000) id;

INSERT INTO page_views
SELECT at, somebody(), 1 + floor(5000 * random())::bigint
FROM (SELECT moment(i, 120) AS at FROM generate_series(1, 1600000) i) m WHERE worked(at) LIMIT 1000000;

INSERT INTO feed
SELECT at, somebody(), what, CASE WHEN what = 'search' THEN floor(20 * random())::int END
FROM (SELECT moment(i, 90) AS at, (ARRAY['edit', 'comment', 'like', 'like', 'search', 'search'])[1 + floor(random() * 6)::int] AS what
	FROM generate_series(1, 150000) i) m
WHERE worked(at);

CREATE INDEX ON logins (at);
CREATE INDEX ON page_views (at);
CREATE INDEX ON feed (at);
CREATE INDEX ON pages (created);
ANALYZE;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
