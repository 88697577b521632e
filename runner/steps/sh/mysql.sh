if has mariadb; then
	client=mariadb
elif has mysql; then
	client=mysql
else
	fail "neither mariadb nor mysql, the client programs, are on this host"
fi

# The words that lead to the server; the password comes by MYSQL_PWD.
connected() {
	program=$1
	shift
	[ -z "$user" ] || set -- "--user=$user" "$@"
	[ -z "$port" ] || set -- "--port=$port" "$@"
	[ -z "$host" ] || set -- "--host=$host" "$@"
	# the login's own host would come before a socket
	[ -z "$socket" ] || set -- "--protocol=socket" "--host=localhost" "--socket=$socket" "$@"
	"$program" --default-character-set=utf8mb4 "$@"
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
