# CHECK TABLE of every table of a database.
check_tables() {
	echo "select concat('check table \`', replace(table_name, '\`', '\`\`'), '\`;') from information_schema.tables
		where table_schema = database() and table_type in ('BASE TABLE', 'SYSTEM VERSIONED') order by table_name" | ask "$1" >"$pipes/checks" || fail "CHECK TABLE failed"
	ask "$1" <"$pipes/checks" >"$pipes/check" || fail "CHECK TABLE failed"
	awk -F '\t' '$3 == "error" || $3 == "Error" || ($3 == "status" && $4 != "OK") { print; bad = 1 } END { exit bad }' "$pipes/check" >&2 ||
		fail "CHECK TABLE found damage in the restored copy"
}
