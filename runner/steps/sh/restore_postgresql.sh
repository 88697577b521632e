made=no
scratch=
restore_drop() {
	[ "$made" = no ] || echo "drop database if exists \"$scratch\";" | ask "$maintenance"
}

restore_into() {
	scratch=rawat_scratch_$suffix
	case $(head -c 5 -- "$artefact") in PGDMP) kind=custom ;; *) kind=plain ;; esac
	[ "$kind" = custom ] || ! grep -Eq '^\\(c|connect)( |$)' -- "$artefact" ||
		fail "$artefact leads to a database of its own (\\connect): it cannot be tried in a scratch one"
	made=yes
	echo "create database \"$scratch\" template template0;" | ask "$maintenance" || { made=no && fail "cannot make the scratch database $scratch"; }
	if [ "$kind" = custom ]; then
		pg_restore -w --exit-on-error --no-owner --no-privileges --no-publications --no-subscriptions \
			--dbname="$(conninfo "$scratch")" -- "$artefact" || fail "pg_restore ended with $?: $artefact cannot be restored"
	else
		tail -n 8 -- "$artefact" | grep -q '^-- PostgreSQL database dump complete' || fail "$artefact has no end: it is not whole"
		ask "$scratch" <"$artefact" >/dev/null || fail "psql ended with $?: $artefact cannot be restored"
	fi
}

restore_check() {
	echo "select count(*) from pg_index where not indisvalid;" | ask "$scratch" >"$pipes/invalid"
	[ "$(cat "$pipes/invalid")" = 0 ] || fail "$(cat "$pipes/invalid") indexes of the restored copy are not valid"
	checked="every index is valid"
	if [ "$amcheck" = yes ]; then
		# Debian and the RPMs of PostgreSQL keep it out of the path.
		program=$(command -v pg_amcheck || ls -1 /usr/lib/postgresql/*/bin/pg_amcheck /usr/pgsql-*/bin/pg_amcheck 2>/dev/null | tail -n 1)
		[ -n "$program" ] || fail "pg_amcheck is not on this host"
		"$program" -w --install-missing --heapallindexed "$scratch" >&2 || fail "pg_amcheck found damage in the restored copy"
		checked="pg_amcheck found nothing"
	fi
	say checked "$checked"
}

restore_count() {
	count_rows | ask "$scratch"
}
