made=no
restore_drop() {
	[ "$made" = no ] || drop_scratch "$scratch"
}

# Whoever looks in (a monitor that asks every database) does not keep it; nor does a subscription, which is taken from its
# slot first: the slot is on the publisher, and the source's.
drop_scratch() {
	force=
	[ "$(echo 'show server_version_num;' | ask "$maintenance")" -lt 130000 ] || force='with (force)'
	subscribed=$(echo "select count(*) from pg_subscription s join pg_database d on d.oid = subdbid where datname = '$1';" | ask "$maintenance" 2>/dev/null) || subscribed=0
	[ "$subscribed" = 0 ] || ask "$1" <<-'RAWAT_SQL' || :
		select format('alter subscription %I disable', subname), format('alter subscription %I set (slot_name = none)', subname), format('drop subscription %I', subname)
		  from pg_subscription join pg_database d on d.oid = subdbid where datname = current_database()
		\gexec
	RAWAT_SQL
	echo "drop database if exists \"$1\" $force;" | ask "$maintenance"
}

# The words with which a database like the source is made: another encoding or order of texts is another database.
like_the_source() {
	encoding=$(noted encoding) collate=$(noted collate) ctype=$(noted ctype) provider=$(noted provider) locale=$(noted locale)
	case $encoding,$collate,$ctype,$provider,$locale in ,* | *[!A-Za-z0-9_.@=,\;-]*) return 0 ;; esac
	printf "encoding '%s' lc_collate '%s' lc_ctype '%s'" "$encoding" "$collate" "$ctype"
	case $provider in
	i) printf " locale_provider icu icu_locale '%s'" "$locale" ;;
	b) printf " locale_provider builtin builtin_locale '%s'" "$locale" ;;
	esac
}

# Scratch databases that a killed attempt of this user on this host left behind.
sweep_databases() {
	echo "select datname from pg_database where datname ~ '^rawat_scratch_[0-9a-f]+_' order by 1;" | ask "$maintenance" >"$pipes/scratches" || return 0
	while IFS= read -r old; do
		left_behind "${old#rawat_scratch_}" || continue
		! drop_scratch "$old" || say swept "$old"
	done <"$pipes/scratches"
}

# Policies and user mappings, and in plain text owners and grants, name roles, which are no part of the database.
not_restored() {
	cat -- "$pipes/said" >&2
	! grep -q 'role ".*" does not exist' "$pipes/said" ||
		fail "$1: $artefact cannot be restored on a server without the roles of the source, which are in $artefact.globals (psql -X -d postgres -f FILE)"
	fail "$1: $artefact cannot be restored"
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
	! on_this_host "$maintenance" || scratch_room "$(echo 'show data_directory;' | ask "$maintenance" 2>/dev/null)"
	made=yes
	like=$(like_the_source)
	echo "create database \"$scratch\" template template0 $like;" | ask "$maintenance" || { made=no && fail "cannot make the scratch database $scratch${like:+ $like}"; }
	if [ "$kind" != plain ]; then
		pg_restore -w --exit-on-error --no-owner --no-privileges --no-publications --no-subscriptions --jobs="$jobs" \
			--dbname="$(conninfo "$scratch")" -- "$plain" 2>"$pipes/said" || not_restored "pg_restore ended with $?"
	else
		tail -n 8 -- "$plain" | grep -q '^-- PostgreSQL database dump complete' || fail "$artefact has no end: it is not whole"
		ask "$scratch" <"$plain" >/dev/null 2>"$pipes/said" || not_restored "psql ended with $?"
	fi
	cat -- "$pipes/said" >&2
}

restore_check() {
	# One of a partitioned table (CREATE INDEX ON ONLY) may wait for those of its partitions.
	echo "select count(*) from pg_index join pg_class on oid = indexrelid where not indisvalid and relkind = 'i';" | ask "$scratch" >"$pipes/invalid"
	[ "$(cat "$pipes/invalid")" = 0 ] || fail "$(cat "$pipes/invalid") indexes of the restored copy are not valid"
	checked="every index is valid"
	if [ "$amcheck" = yes ]; then
		program=$(pg_program pg_amcheck "$(($(echo 'show server_version_num;' | ask "$maintenance") / 10000))") || exit 1
		follow_psql "$maintenance"
		"$program" -w --install-missing --heapallindexed "$(unlimited "$scratch")" >&2 || fail "pg_amcheck found damage in the restored copy"
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
	[ ! -f "$manifest" ] || sequences_behind "$(noted_list sequences | sed '$!s/$/,/')" | ask "$scratch" >"$pipes/behind"
}
