made=no
restore_drop() {
	[ "$made" = no ] || echo "drop database if exists \"$scratch\";" | ask "$maintenance"
}

# Scratch databases that a killed attempt of this user on this host left behind; one that is in use cannot be dropped.
sweep_databases() {
	echo "select datname from pg_database where datname ~ '^rawat_scratch_[0-9a-f]+_' order by 1;" | ask "$maintenance" >"$pipes/scratches" || return 0
	while IFS= read -r old; do
		left_behind "${old#rawat_scratch_}" || continue
		! echo "drop database if exists \"$old\";" | ask "$maintenance" || say swept "$old"
	done <"$pipes/scratches"
}

restore_into() {
	sweep_databases
	scratch=rawat_scratch_$mark
	if [ -d "$plain" ]; then
		kind=directory
	else
		case $(head -c 5 -- "$plain") in PGDMP) kind=custom ;; *) kind=plain ;; esac
	fi
	[ "$kind" != plain ] || ! grep -Eq '^\\(c|connect)( |$)' -- "$plain" ||
		fail "$artefact leads to a database of its own (\\connect): it cannot be tried in a scratch one"
	made=yes
	echo "create database \"$scratch\" template template0;" | ask "$maintenance" || { made=no && fail "cannot make the scratch database $scratch"; }
	if [ "$kind" != plain ]; then
		pg_restore -w --exit-on-error --no-owner --no-privileges --no-publications --no-subscriptions --jobs="$jobs" \
			--dbname="$(conninfo "$scratch")" -- "$plain" || fail "pg_restore ended with $?: $artefact cannot be restored"
	else
		tail -n 8 -- "$plain" | grep -q '^-- PostgreSQL database dump complete' || fail "$artefact has no end: it is not whole"
		ask "$scratch" <"$plain" >/dev/null || fail "psql ended with $?: $artefact cannot be restored"
	fi
}

restore_check() {
	echo "select count(*) from pg_index where not indisvalid;" | ask "$scratch" >"$pipes/invalid"
	[ "$(cat "$pipes/invalid")" = 0 ] || fail "$(cat "$pipes/invalid") indexes of the restored copy are not valid"
	checked="every index is valid"
	if [ "$amcheck" = yes ]; then
		program=$(pg_program pg_amcheck "$(($(echo 'show server_version_num;' | ask "$maintenance") / 10000))") || exit 1
		"$program" -w --install-missing --heapallindexed "$scratch" >&2 || fail "pg_amcheck found damage in the restored copy"
		checked="pg_amcheck found nothing"
	fi
	say checked "$checked"
}

restore_count() {
	{
		count_objects
		count_rows
	} | ask "$scratch" >"$pipes/counted" || return 1
	head -n 1 "$pipes/counted" >"$pipes/objects"
	sed 1d "$pipes/counted"
}
