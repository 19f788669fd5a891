package store

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// The syntax is that of cshim/storeurl.h, which checks the same text when the
// library is loaded; the two have to agree.
const (
	maxURL   = 4096 // bytes
	maxHosts = 64
	maxName  = 253 // bytes of a host's or a master's name
)

// kind is how the servers of a URL belong together.
type kind int

const (
	single    kind = iota // one Redis
	sentinel              // the Redis that Sentinels call the master
	cluster               // a Redis Cluster
	memcached             // independent memcacheds, each with its share of the keys
)

// scheme is what may follow one of the names before "://".
type scheme struct {
	name    string
	kind    kind
	tls     bool
	port    string // the default
	user    bool   // a user and a password may be given
	several bool   // hosts, separated by commas
	master  bool   // the path begins with a name that Sentinel knows
	db      bool   // the path ends with the number of a database
}

var schemes = []scheme{
	{name: "redis", kind: single, port: "6379", user: true, db: true},
	{name: "rediss", kind: single, tls: true, port: "6379", user: true, db: true},
	{name: "redis-sentinel", kind: sentinel, port: "26379", user: true, several: true, master: true, db: true},
	{name: "redis-cluster", kind: cluster, port: "6379", user: true, several: true},
	{name: "memcached", kind: memcached, port: "11211", several: true},
}

// target is what a URL says.
type target struct {
	kind     kind
	tls      bool
	addrs    []string // host:port, each once
	name     string   // of the first host, as its certificate has it
	user     string   // may be empty with a password
	password string
	master   string // sentinel
	db       int
}

// Check returns nil if rawURL is the address of a store, or else what is wrong
// with it, without quoting any of it. It connects to nothing.
func Check(rawURL string) error {
	_, err := parse(rawURL)
	return err
}

// Redact is what of an address may be shown, whether it is a valid one or not:
// *** stands for the user and the password, and for whatever could be one in
// an address that is mistyped.
func Redact(rawURL string) string {
	name, rest, found := strings.Cut(rawURL, "://")
	if found && len(name) <= 20 && only(name, isName) {
		name += "://"
	} else {
		name, rest = "", rawURL
	}
	// The last @: one that belongs to the password may stand there as it is.
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		name += "***@"
		rest = rest[i+1:]
	}
	hosts, path, _ := strings.Cut(rest, "/")
	if !plainHosts(hosts) || !only(path, func(c byte) bool { return isName(c) || c == '/' }) {
		return name + "***"
	}
	return name + rest
}

// plainHosts is true for hosts with ports and nothing that could be a word with
// a password behind it.
func plainHosts(hosts string) bool {
	for host := range strings.SplitSeq(hosts, ",") {
		name, port, found := strings.Cut(host, ":")
		if strings.HasPrefix(host, "[") {
			name, port, found = strings.Cut(host[1:], "]")
			if !found || !only(name, func(c byte) bool { return isHex(c) || c == ':' || c == '.' }) {
				return false
			}
			if port != "" && port[0] != ':' {
				return false
			}
			port = strings.TrimPrefix(port, ":")
		} else if !only(name, isName) || (found && name == "") {
			return false
		}
		if len(port) > 5 || !only(port, isDigit) {
			return false
		}
	}
	return true
}

// parse reads an address. Its errors are constant texts: whatever is mistyped
// may be part of a password.
func parse(rawURL string) (*target, error) {
	if len(rawURL) > maxURL {
		return nil, errors.New("it is longer than 4096 bytes")
	}
	name, rest, found := strings.Cut(rawURL, "://")
	i := slices.IndexFunc(schemes, func(s scheme) bool { return s.name == name })
	if !found || i < 0 {
		return nil, errors.New("it begins with none of the schemes")
	}
	s := &schemes[i]
	t := &target{kind: s.kind, tls: s.tls}
	// An @ or a slash that belongs to a password has to be escaped, so the first are marks.
	if user, behind, found := strings.Cut(rest, "@"); found {
		if !s.user {
			return nil, errors.New("this scheme takes no user and no password")
		}
		if err := t.parseUser(user); err != nil {
			return nil, err
		}
		rest = behind
	}
	if strings.ContainsAny(rest, "?#@") {
		return nil, errors.New("a ?, # or further @ has no meaning there")
	}
	hosts, path, found := strings.Cut(rest, "/")
	if err := t.parseHosts(hosts, s); err != nil {
		return nil, err
	}
	return t, t.parsePath(path, found, s)
}

func (t *target) parseUser(text string) error {
	var failed bool
	if t.user, t.password, failed = unescapeUser(text); failed {
		return errors.New("the user or the password has a character that must be an escape such as %40")
	}
	if t.password == "" {
		return errors.New("before the @ stands no password (user:password@ or :password@)")
	}
	return nil
}

// unescapeUser splits user:password, whose escapes it replaces.
func unescapeUser(text string) (user, password string, failed bool) {
	var plain strings.Builder
	colon := -1
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '%':
			if i+2 >= len(text) || !isHex(text[i+1]) || !isHex(text[i+2]) {
				return "", "", true
			}
			n, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
			if err != nil || n == 0 {
				return "", "", true
			}
			plain.WriteByte(byte(n))
			i += 2
			continue
		case !isAlnum(c) && strings.IndexByte("-._~!$&'()*+,;=:", c) < 0:
			return "", "", true
		case c == ':' && colon < 0:
			colon = plain.Len()
		}
		plain.WriteByte(c)
	}
	if colon < 0 {
		return plain.String(), "", false
	}
	return plain.String()[:colon], plain.String()[colon+1:], false
}

func (t *target) parseHosts(text string, s *scheme) error {
	hosts := strings.Split(text, ",")
	if len(hosts) > 1 && !s.several {
		return errors.New("this scheme takes one host")
	}
	if len(hosts) > maxHosts {
		return errors.New("there are more than 64 hosts")
	}
	for i, host := range hosts {
		name, port, err := parseHost(host)
		if err != nil {
			return err
		}
		if port == "" {
			port = s.port
		}
		if i == 0 {
			t.name = name
		}
		if addr := net.JoinHostPort(name, port); !slices.Contains(t.addrs, addr) {
			t.addrs = append(t.addrs, addr)
		}
	}
	return nil
}

// parseHost splits name, name:port, [address] or [address]:port; without a port
// that is empty.
func parseHost(text string) (name, port string, err error) {
	var found bool
	if strings.HasPrefix(text, "[") {
		name, port, found = strings.Cut(text[1:], "]")
		addr, err := netip.ParseAddr(name)
		if !found || err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", "", errors.New("what stands in brackets is not an IPv6 address")
		}
		if port == "" {
			return name, "", nil
		}
		if port[0] != ':' {
			return "", "", errors.New("after an address in brackets stands something other than a port")
		}
		port = port[1:]
	} else {
		name, port, found = strings.Cut(text, ":")
		if name == "" || len(name) > maxName {
			return "", "", errors.New("the name of a host is missing or too long")
		}
		if !only(name, isName) {
			return "", "", errors.New("the name of a host has a character that is none of names")
		}
		if !found {
			return name, "", nil
		}
	}
	if _, ok := number(port, 1); !ok {
		return "", "", errors.New("a port is not a number from 1 to 65535")
	}
	return name, port, nil
}

func (t *target) parsePath(path string, found bool, s *scheme) error {
	if s.master {
		t.master, path, found = strings.Cut(path, "/")
		if t.master == "" || len(t.master) > maxName || !only(t.master, isName) {
			return errors.New("after the hosts stands no name of a master (/mymaster)")
		}
	} else if path == "" {
		found = false
	}
	if !found {
		return nil
	}
	if !s.db {
		return errors.New("this scheme has no path")
	}
	var ok bool
	if t.db, ok = number(path, 0); !ok {
		return errors.New("the database is not a number from 0 to 65535")
	}
	return nil
}

// number reads a decimal number of 16 bits without leading zeros.
func number(text string, least int) (int, bool) {
	if len(text) > 1 && text[0] == '0' || !only(text, isDigit) {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 16)
	return int(n), err == nil && int(n) >= least
}

func only(text string, allowed func(byte) bool) bool {
	for i := range len(text) {
		if !allowed(text[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || (c|0x20 >= 'a' && c|0x20 <= 'f') }

func isAlnum(c byte) bool { return isDigit(c) || (c|0x20 >= 'a' && c|0x20 <= 'z') }

// isName is what a host's name may have, and that of a master.
func isName(c byte) bool { return isAlnum(c) || c == '-' || c == '.' || c == '_' }
