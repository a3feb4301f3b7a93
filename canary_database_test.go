package main

import (
	"database/sql"
	"encoding/binary"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
	_ "modernc.org/sqlite" // the driver

	"github.com/intranet-exporter/intranet_exporter/internal/need"
)

// newDatabase makes a portal in SQLite that is full of people.
func newDatabase(t *testing.T, dir string) string {
	file := filepath.Join(dir, "portal.db")
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	for _, statement := range []string{
		"CREATE TABLE users (id TEXT, login TEXT, email TEXT, about TEXT)",
		"CREATE TABLE searches (at INTEGER, who TEXT, term TEXT)",
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	for i, id := range []string{people[4], people[7]} {
		if _, err := db.Exec("INSERT INTO users VALUES (?, ?, ?, ?)", id, people[i], people[2+i], telltale); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("INSERT INTO searches VALUES (unixepoch('now', '-1 day'), ?, ?)", id, people[6]); err != nil {
			t.Fatal(err)
		}
	}
	return file
}

// goodQueries work; they name somebody too, as those who write them may.
var goodQueries = []string{
	`accounts: SELECT id, login AS name, email AS identity, about <> '' AS "profile.about" FROM users WHERE login <> ` + literal(people[1]+"x"),
	`events: {search: ` + yamlText(`SELECT at, who AS account FROM searches WHERE at >= unixepoch($1) AND at < unixepoch($2) AND term <> `+literal(people[5])) + `}`,
	`readings: [{measure: pages, query: ` + yamlText(`SELECT count(*) AS value FROM users WHERE email <> `+literal(people[3]+"x")) + `}]`,
}

// badQueries meet values in the data that they can't work with, or quote some.
var badQueries = map[string]string{
	"nocolumn":   `accounts: ` + yamlText(`SELECT id, `+literal(people[0])+` FROM users`),
	"sqlsyntax":  `accounts: ` + yamlText(`SELECT id FROM users WHERE login = `+literal(people[0])+` AND AND`),
	"sqltable":   `accounts: ` + yamlText(`SELECT id FROM "`+people[0]+`"`),
	"sqljson":    `accounts: SELECT json_extract(about, '$.x') AS id FROM users`,
	"sqlpattern": `accounts: SELECT id FROM users WHERE about REGEXP login`,
	"sqlkind":    `accounts: SELECT id, login AS kind FROM users`,
	"sqlenabled": `accounts: SELECT id, email AS enabled FROM users`,
	"sqllogin":   `accounts: SELECT id, login AS last_login FROM users`,
	"sqlfilled":  `accounts: SELECT id, about AS "profile.about" FROM users`,
	"sqltwice":   `accounts: SELECT '` + people[4] + `' AS id, login AS name FROM users`,
	"sqlat":      `events: {search: ` + yamlText(`SELECT term AS at, who AS account FROM searches WHERE at > $1 OR at < $2`) + `}`,
	"sqlbounds":  `events: {search: ` + yamlText(`SELECT 0 AS at, who AS account FROM searches WHERE $1 = $2 OR 1`) + `}`,
	"sqlvalue":   `readings: [{measure: pages, query: SELECT login AS value FROM users}]`,
	"sqlrows":    `readings: [{measure: pages, query: SELECT 1 AS value FROM users}]`,
	"sqlnumber":  `readings: [{measure: custom, name: share, title: Share, unit: ratio, query: ` + yamlText(`SELECT CAST(id AS INTEGER) AS value FROM users LIMIT 1`) + `}]`,
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// newPostgres starts a server that lets everybody in and answers each query with an error that quotes values.
func newPostgres(t *testing.T, code string) string {
	refusal := &pgproto3.ErrorResponse{
		Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: code,
		Message: telltale, Detail: "Key (email)=(" + people[2] + ") already exists.", Hint: people[0], Where: people[1],
		InternalQuery: people[6], SchemaName: people[3], TableName: people[5], ColumnName: people[0], ConstraintName: people[1],
		File: people[0], Line: 1, Routine: people[0],
	}
	return need.Listen(t, func(conn net.Conn) {
		server := pgproto3.NewBackend(conn, conn)
		if _, err := server.ReceiveStartupMessage(); err != nil {
			return
		}
		if strings.HasPrefix(code, "28") {
			server.Send(refusal)
			_ = server.Flush()
			return
		}
		server.Send(&pgproto3.AuthenticationOk{})
		server.Send(&pgproto3.ParameterStatus{Name: people[0], Value: telltale})
		server.Send(&pgproto3.NoticeResponse{Severity: "WARNING", Code: "01000", Message: telltale})
		server.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
		for server.Flush() == nil {
			message, err := server.Receive()
			if err != nil {
				return
			}
			switch m := message.(type) {
			case *pgproto3.Query:
				if strings.HasPrefix(m.String, "begin") || m.String == "" || strings.HasPrefix(m.String, "-- ping") {
					server.Send(&pgproto3.CommandComplete{CommandTag: []byte("BEGIN")})
				} else {
					server.Send(refusal)
				}
				server.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
			case *pgproto3.Parse:
				server.Send(refusal)
			case *pgproto3.Sync:
				server.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
			}
		}
	})
}

// newMariaDB starts a server that refuses everybody, in words.
func newMariaDB(t *testing.T) string {
	return need.Listen(t, func(conn net.Conn) {
		said := binary.LittleEndian.AppendUint16([]byte{0xff}, 1130)
		said = append(said, "#HY000Host '"+told+"' is not allowed to connect"...)
		packet := append([]byte{byte(len(said)), byte(len(said) >> 8), 0, 0}, said...)
		_, _ = conn.Write(packet)
	})
}
