made=no
scratch=
restore_drop() {
	[ "$made" = no ] || echo "drop database if exists \`$scratch\`" | ask ""
}

restore_into() {
	scratch=rawat_scratch_$suffix
	tail -c 400 -- "$artefact" | grep -q '^-- Dump completed' || fail "$artefact has no end: it is not whole"
	! grep -Eiq '^(USE|CREATE DATABASE|DROP DATABASE) ' -- "$artefact" ||
		fail "$artefact leads to a database of its own (USE): it cannot be tried in a scratch one"
	made=yes
	echo "create database \`$scratch\` character set utf8mb4" | ask "" || { made=no && fail "cannot make the scratch database $scratch"; }
	connected "$client" --batch -- "$scratch" <"$artefact" >/dev/null || fail "$client ended with $?: $artefact cannot be restored"
}

restore_check() {
	tables "concat('check table \`', replace(table_name, '\`', '\`\`'), '\`;')" | ask "$scratch" >"$pipes/check" || fail "CHECK TABLE failed"
	awk -F '\t' '$3 == "error" || ($3 == "status" && $4 != "OK") { print; bad = 1 } END { exit bad }' "$pipes/check" >&2 ||
		fail "CHECK TABLE found damage in the restored copy"
	say checked "CHECK TABLE found nothing"
}

# For each table of the scratch database one line of text, made by an SQL expression.
tables() {
	echo "select $1 from information_schema.tables where table_schema = database() and table_type = 'BASE TABLE' order by table_name" |
		ask "$scratch"
}

restore_count() {
	tables "concat('select json_array(', quote(table_name), ', count(*)) from \`', replace(table_name, '\`', '\`\`'), '\`;')" >"$pipes/sql"
	ask "$scratch" <"$pipes/sql"
}
