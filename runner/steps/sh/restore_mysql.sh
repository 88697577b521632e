made=no
unlogged=
restore_drop() {
	[ "$made" = no ] || echo "$unlogged drop database if exists \`$scratch\`" | ask ""
}

# Scratch is nothing for replicas, and a replica must not have it in a binary log of its own; who may leave it out does.
keep_from_log() {
	! echo 'set session sql_log_bin = 0' | ask "" 2>/dev/null || unlogged='set session sql_log_bin = 0;'
}

# Scratch databases that a killed attempt of this user on this host left behind.
sweep_databases() {
	echo "show databases like 'rawat\\_scratch\\_%'" | ask "" >"$pipes/scratches" || return 0
	while IFS= read -r old; do
		left_behind "${old#rawat_scratch_}" || continue
		! echo "$unlogged drop database if exists \`$old\`" | ask "" || say swept "$old"
	done <"$pipes/scratches"
}

# The dump as a scratch database may have it. Where a routine is older than the database's character set, the set is changed
# for it and back again, by the name of the source: here by that of the scratch one. What the whole server has of MySQL's
# transactions (GTID_PURGED) is none of ours. Events, which would run in it and reach from it whatever they name, are made,
# and made to sleep; one whose moment is over as well. And a view whose definer is gone names its own database.
for_scratch() {
	own=
	[ ! -f "$manifest" ] || own=$(sed -n 's/^ *"source": {.*"database": "\([A-Za-z0-9_-]*\)".*/\1/p' "$manifest")
	sed -E -e '/^SET @@GLOBAL\.GTID_PURGED=/{' -e ':more' -e '/;$/!{' -e N -e 'b more' -e '}' -e d -e '}' \
		-e "s/^ALTER DATABASE \`.*\` (CHARACTER SET [A-Za-z0-9_]+ COLLATE [A-Za-z0-9_]+ ;+)\$/ALTER DATABASE \`$scratch\` \1/" \
		-e '/^\/\*![0-9]+ CREATE\*\/ .*EVENT `/s/ ON COMPLETION (NOT )?PRESERVE (ENABLE|DISABLE)( |$)/ ON COMPLETION PRESERVE DISABLE\3/' \
		-e "/^\/\*![0-9]+ VIEW \`/s/\`${own:-$scratch}\`\.//g"
}

restore_into() {
	keep_from_log
	sweep_databases
	scratch=rawat_scratch_$mark
	tail -c 400 -- "$plain" | grep -q '^-- Dump completed' || fail "$artefact has no end: it is not whole"
	flaw=$(flaw_of_dump <"$plain")
	[ -z "$flaw" ] || fail "$artefact $flaw"
	! on_this_host "" || scratch_room "$(echo 'select @@datadir' | ask "")"
	made=yes
	echo "$unlogged create database \`$scratch\` character set utf8mb4" | ask "" || { made=no && fail "cannot make the scratch database $scratch"; }
	: >"$pipes/broken"
	{ { echo "$unlogged" && for_scratch <"$plain"; } || echo broken >"$pipes/broken"; } | session -- "$scratch" >/dev/null ||
		fail "$client ended with $?: $artefact cannot be restored"
	[ ! -s "$pipes/broken" ] || fail "$artefact cannot be read to its end"
}

restore_check() {
	check_tables "$scratch"
	say checked "CHECK TABLE found nothing"
}

# Of these lines those whose number is larger than that of the copy; it may have more digits than awk can reckon with.
numbers_behind() {
	awk '
	{ number = $0; sub(/^.*, "/, "", number); sub(/"\]$/, "", number); name = substr($0, 1, length($0) - length(number) - 3) }
	FILENAME == ARGV[1] { now[name] = number; next }
	!(name in now) { print name "\"" number "\", null]"; next }
	length(now[name]) < length(number) || (length(now[name]) == length(number) && now[name] "" < number "") {
		print name "\"" number "\", \"" now[name] "\"]"
	}' "$pipes/sequences" -
}

# What the restored copy gives when it is dumped in its turn is what was saved.
restore_count() {
	place=
	{ dump_database "$scratch" '' || echo broken >"$pipes/broken"; } | count_dump && [ ! -s "$pipes/broken" ] || return 1
	count_objects "$scratch" >"$pipes/objects"
	[ ! -f "$manifest" ] || noted_list sequences | numbers_behind >"$pipes/behind"
}
