if has mariadb; then
	client=mariadb
elif has mysql; then
	client=mysql
else
	fail "neither mariadb nor mysql, the client programs, are on this host"
fi

# The groups of option files that the program $1 reads.
groups_of() {
	"$1" --no-defaults --help 2>/dev/null | sed -n 's/^The following groups are read: //p'
}

# What the login's option files say in the groups $2 to the program $1: an option a line, `--name=value`. MySQL's program shows
# passwords only where it is told to, in a word that MariaDB's does not know.
said_to() {
	if has my_print_defaults; then
		# shellcheck disable=SC2086  # groups, each a word
		my_print_defaults -s $2 2>/dev/null || my_print_defaults $2
	else
		"$1" --print-defaults | sed -e 1d -e 's/ $//' -e 's/ --/\
--/g'
	fi || fail "the option files of $(id -un) cannot be read"
}

# Of such lines those whose option is of the pattern $1, as lines of an option file. A value may hold a line break; a password
# without a value is a question, which nobody would answer.
options() {
	awk -v wanted="^($1)\$" '
	function quoted(text,  i, c, out) {
		for (i = 1; i <= length(text); i++) {
			c = substr(text, i, 1)
			out = out (c == "\n" ? "\\n" : c == "\\" || c == "\"" ? "\\" c : c)
		}
		return "\"" out "\""
	}
	function told(  name, at) {
		at = index(line, "=")
		name = at ? substr(line, 3, at - 3) : substr(line, 3)
		gsub(/_/, "-", name)
		if (name ~ wanted && (at || name !~ /^pass/)) print name (at ? "=" quoted(substr(line, at + 1)) : "")
	}
	/^--/ { told(); line = $0; next }
	{ line = line "\n" $0 }
	END { told() }'
}

# How the program $1 is to log in, as an option file: where its server is, by what the login says to the client, so that what is
# asked and what is saved are one server; and as whom, by what it says to the program itself (in the groups $2, where it reads
# others as well). Nothing else of the login's option files counts: hardly an option could not make a copy another than it is called.
login_of() {
	echo '[client]'
	[ -z "${MYSQL_HOST-}" ] || printf -- '--host=%s\n' "$MYSQL_HOST" | options host
	[ -z "${MYSQL_PWD-}" ] || printf -- '--password=%s\n' "$MYSQL_PWD" | options password
	said=$(said_to "$client" "$(groups_of "$client")") || exit 1
	printf '%s\n' "$said" | options 'host|port|socket|protocol'
	[ "$1" = "$client" ] || said=$(said_to "$1" "${2-$(groups_of "$1")}") || exit 1
	printf '%s\n' "$said" | options "(loose-)?($as_whom)"
	[ -z "${RAWAT_PASSWORD-}" ] || printf -- '--password=%s\n' "$RAWAT_PASSWORD" | options password
}
# (column-statistics: whether a dump by MySQL asks its server for what older ones, and MariaDB, do not have.)
as_whom='user|pass[a-z]*[123]?|default-auth|plugin-dir|((skip|disable|enable)-)?(ssl|tls)(-.*)?|(get-)?server-public-key(-path)?|enable-cleartext-plugin|(plugin-)?authentication-.*|connect-timeout|column-statistics'
login=$(login_of "$client") || exit 1

# The program $2 with the words that lead to the server; it logs in by the option file $1, since a password is no argument.
# Of MySQL's login paths nothing comes behind that: `login_of` has read them.
logged_in() {
	file=$1 program=$2
	shift 2
	[ -z "$user" ] || set -- "--user=$user" "$@"
	if [ -n "$socket" ]; then
		# the login's own host would come before a socket
		set -- --protocol=socket --host=localhost "--socket=$socket" "$@"
	else
		[ -z "$port" ] || set -- "--port=$port" "$@"
		[ -z "$host" ] || set -- "--host=$host" "$@"
		# a port, and the login's own socket, would be passed over in silence
		case $port,$host in , | ,localhost) ;; *) set -- --protocol=tcp "$@" ;; esac
	fi
	MYSQL_TEST_LOGIN_FILE=/dev/null "$program" "--defaults-file=$file" "$@"
}

# The same for a client program, whose option file is a pipe.
connected() {
	program=$1
	shift
	logged_in /dev/fd/9 "$program" --default-character-set=utf8mb4 --max-allowed-packet=1G "$@" 9<<-RAWAT_LOGIN
		$login
	RAWAT_LOGIN
}

# The client. How long a statement of this user may take is meant for others: what is to be limited here is limited by the
# kind.
session() {
	connected "$client" --init-command='/*M!100100 set max_statement_time = 0 */ /*!80000 set max_execution_time = 0 */' --batch "$@"
}

# Rows without a head, texts as they are.
ask() {
	session --skip-column-names --raw -- "${1-$database}"
}

# Whether the server is on this host, as far as we can tell: whoever comes by its socket has no port.
on_this_host() {
	[ "$(echo "select count(*) from information_schema.processlist where id = connection_id() and host not like '%:%'" | ask "${1-$database}")" = 1 ]
}
