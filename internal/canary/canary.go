// Package canary finds planted words in what a program lets out, however they are written there. It serves tests alone.
package canary

import (
	"bytes"
	"crypto/md5"  //nolint:gosec // a name behind any hash without a key is a leak
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"html"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// shortest is how many letters a part of a planted text has that is looked for alone.
const shortest = 8

// A Search is prepared for some planted texts.
type Search struct{ needles []needle }

type needle struct {
	word, as string
	bytes    []byte
	squeezed bool // looked for where white space was removed
}

// For prepares to look for texts: as wholes, and for the longer words that they consist of.
func For(texts ...string) Search {
	var s Search
	type look struct {
		bytes    string
		squeezed bool
	}
	known := map[look]bool{}
	add := func(word string) {
		ways := written(word)
		for _, as := range slices.Sorted(maps.Keys(ways)) {
			b := lower(ways[as])
			for _, n := range []needle{{word, as, b, false}, {word, as + ", over several lines", squeeze(b), true}} {
				if as := (look{string(n.bytes), n.squeezed}); !known[as] && (!n.squeezed || broken.MatchString(n.as)) {
					known[as] = true
					s.needles = append(s.needles, n)
				}
			}
		}
	}
	for _, text := range texts {
		add(text)
		for _, part := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			if utf8.RuneCountInString(part) >= shortest {
				add(part)
			}
		}
	}
	return s
}

// In says what it found in output, and how that was written there.
func (s Search) In(output []byte) []string {
	var found []string
	wide := lower(output)
	tight := squeeze(wide)
	for _, n := range s.needles {
		hay := wide
		if n.squeezed {
			hay = tight
		}
		if at := bytes.Index(hay, n.bytes); at >= 0 {
			found = append(found, fmt.Sprintf("%q as %s in %q", n.word, n.as, hay[max(0, at-60):min(len(hay), at+len(n.bytes)+60)]))
		}
	}
	return found
}

// broken are the ways of writing in which lines may be broken anywhere.
var broken = regexp.MustCompile(`^(ASCII or UTF-8|hex|base64)`)

// written is a text in each way in which it could come out.
func written(text string) map[string][]byte {
	all := map[string][]byte{}
	for _, t := range []string{text, strings.ToLower(text)} {
		of := ""
		if t != text {
			of = " in small letters"
		}
		ascii := strconv.QuoteToASCII(t)
		entities, latin := strings.Builder{}, []byte{}
		for _, r := range t {
			if r < utf8.RuneSelf {
				entities.WriteRune(r)
			} else {
				fmt.Fprintf(&entities, "&#%d;", r)
			}
			latin = append(latin, byte(min(r, 255))) //nolint:gosec // it is below 256
		}
		units := utf16.Encode([]rune(t))
		little, big := []byte{}, []byte{}
		for _, u := range units {
			little, big = binary.LittleEndian.AppendUint16(little, u), binary.BigEndian.AppendUint16(big, u)
		}
		for as, b := range map[string][]byte{
			"ASCII or UTF-8":      []byte(t),
			"Latin-1":             latin,
			"UTF-16LE":            little,
			"UTF-16BE":            big,
			"a query":             []byte(url.QueryEscape(t)),
			"a path":              []byte(url.PathEscape(t)),
			"HTML":                []byte(html.EscapeString(t)),
			"HTML with numbers":   []byte(entities.String()),
			"a quoted text":       []byte(ascii[1 : len(ascii)-1]),
			"a text quoted twice": []byte(strings.Trim(strconv.Quote(strconv.Quote(t)), `\"`)),
			"numbers":             bytes.Trim(fmt.Appendf(nil, "%d", []byte(t)), "[]"),
			"hex":                 []byte(hex.EncodeToString([]byte(t))),
		} {
			all[as+of] = b
		}
		for shift := range 3 { // where in a longer text it begins
			for as, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64 for URLs": base64.RawURLEncoding} {
				encoded := encoding.EncodeToString(append(make([]byte, shift), t...))
				end := len(encoded)
				if (shift+len(t))%3 != 0 {
					end-- // its bits are those of the next letter too
				}
				all[fmt.Sprintf("%s at %d%s", as, shift, of)] = []byte(encoded[[]int{0, 2, 3}[shift]:end])
			}
		}
		m, s1, s2 := md5.Sum([]byte(t)), sha1.Sum([]byte(t)), sha256.Sum256([]byte(t)) //nolint:gosec // see above
		for as, sum := range map[string][]byte{"MD5": m[:], "SHA-1": s1[:], "SHA-256": s2[:]} {
			sum = sum[:8] // shortened ones are found too
			all["bytes of its "+as+of] = sum
			all[as+" in hex"+of] = []byte(hex.EncodeToString(sum))
			all[as+" in base64"+of] = []byte(base64.RawStdEncoding.EncodeToString(sum)[:10])
		}
	}
	if n, err := strconv.ParseUint(text, 10, 64); err == nil {
		all["bytes of a number"] = binary.LittleEndian.AppendUint64(nil, n)
		all["bytes of a number, the highest first"] = binary.BigEndian.AppendUint64(nil, n)
		all["varint"] = binary.AppendUvarint(nil, n)
		all["a number in hex"] = strconv.AppendUint(nil, n, 16)
		all["a rounded number"] = strconv.AppendFloat(nil, float64(n), 'g', 9, 64)[:9]
	}
	return all
}

// lower makes small letters of the capital ones of ASCII, and leaves other bytes alone.
func lower(b []byte) []byte {
	small := bytes.Clone(b)
	for i, c := range small {
		if 'A' <= c && c <= 'Z' {
			small[i] = c + 'a' - 'A'
		}
	}
	return small
}

// squeeze leaves out white space, also where it is written as an escape sequence, and the signs that rows of tables and
// quoted lines begin with. A regular expression would take a hundred times as long under the race detector.
func squeeze(b []byte) []byte {
	tight := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		switch {
		case strings.IndexByte(" \t\r\n|>#\\", b[i]) < 0:
			tight = append(tight, b[i])
		case b[i] == '\\' && i+1 < len(b) && strings.IndexByte("nrt", b[i+1]) >= 0:
			i++
		}
	}
	return tight
}
