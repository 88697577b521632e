made=no
restore_drop() {
	[ "$made" = no ] || echo "drop database if exists \`$scratch\`" | ask ""
}

# Scratch databases that a killed attempt of this user on this host left behind.
sweep_databases() {
	echo "show databases like 'rawat\\_scratch\\_%'" | ask "" >"$pipes/scratches" || return 0
	while IFS= read -r old; do
		left_behind "${old#rawat_scratch_}" || continue
		! echo "drop database if exists \`$old\`" | ask "" || say swept "$old"
	done <"$pipes/scratches"
}

restore_into() {
	sweep_databases
	scratch=rawat_scratch_$mark
	tail -c 400 -- "$plain" | grep -q '^-- Dump completed' || fail "$artefact has no end: it is not whole"
	! grep -Eiq '^(USE|CREATE DATABASE|DROP DATABASE) ' -- "$plain" ||
		fail "$artefact leads to a database of its own (USE): it cannot be tried in a scratch one"
	made=yes
	echo "create database \`$scratch\` character set utf8mb4" | ask "" || { made=no && fail "cannot make the scratch database $scratch"; }
	connected "$client" --batch -- "$scratch" <"$plain" >/dev/null || fail "$client ended with $?: $artefact cannot be restored"
}

restore_check() {
	check_tables "$scratch"
	say checked "CHECK TABLE found nothing"
}

# What the restored copy gives when it is dumped in its turn is what was saved.
restore_count() {
	place=
	dump_database "$scratch" "$pipes/again.sql" || return 1
	count_dump <"$pipes/again.sql"
	rm -f -- "$pipes/again.sql"
	count_objects "$scratch" >"$pipes/objects"
}
