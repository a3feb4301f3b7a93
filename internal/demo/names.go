package demo

import "strings"

// Their numbers have no common divisor, so that no two people are called the same.
var (
	given = strings.Fields(`Anna Bram Carla Daan Eva Femke Gijs Hanna Ilse Jan Karim Lotte Maarten Noor Otto Petra
		Quinten Roos Sander Tess Umar Vera Wouter Yara Zeynep Aylin Bas Chantal Dirk Esra Fleur Guus Hugo Imane Jasper
		Koen Lisa Mo Nienke Olaf Pim`)
	family = strings.Fields(`Bakker Visser Smit Meijer Mulder Bos Vos Peters Hendriks Dekker Brouwer Dijkstra Smits
		Koster Prins Blom Huisman Peeters Kuipers Veenstra Kramer Scholten Postma Martens Vink Kok Jacobs Willems Hoekstra
		Maas Verhoeven Koning Aydin Yilmaz Pinas Nguyen Janssen Molenaar Schouten Willemsen Hermans Kuiper Bosman
		Groen Gerritsen Wolters Kaya Timmermans Evers Driessen Claassen Wiersma Hofman`)
)

// name returns what the nth person in a seat is called.
func name(d *department, seat, n int) string {
	i := seat + 260*n
	switch {
	case d.kind == "service":
		return "svc-" + given[i%len(given)]
	case d.kind == "bot":
		return "Linkbot"
	case d.name == "test accounts":
		return "test-" + given[i%len(given)]
	}
	return given[i%len(given)] + " " + family[i%len(family)]
}
