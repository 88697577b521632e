backup_need() {
	echo 'select pg_database_size(current_database());' | ask
}

# Before anything is begun: whether the globals can be had as they are wanted.
globals_ready() {
	[ "$globals" = yes ] || return 0
	has pg_dumpall || fail "pg_dumpall is not on this host: nothing was started (globals: false saves the database alone)"
	[ "$role_passwords" = yes ] || return 0
	rights=$(echo "select has_table_privilege('pg_catalog.pg_authid', 'select') || ' ' || current_user;" | ask)
	[ "${rights%% *}" = true ] ||
		fail "role_passwords: ${rights#* } may not read pg_authid, where the hashes are: nothing was started (without role_passwords the roles are saved without them)"
}

# What belongs to the cluster and not to the database: roles, memberships, their settings, tablespaces.
dump_globals() {
	[ "$globals" = yes ] || return 0
	set -- --globals-only --database="$(conninfo)" --file="$work/globals"
	[ "$role_passwords" = yes ] || set -- --no-role-passwords "$@"
	pg_dumpall -w "$@" || fail "pg_dumpall ended with $?: the globals for $shown were not saved"
	tail -n 8 -- "$work/globals" | grep -qx -e '-- PostgreSQL database cluster dump complete' ||
		fail "the globals for $shown have no end: they are not whole"
}

# What a database is made with and a dump does not tell, as lines of the manifest.
database_traits() {
	ask <<'RAWAT_SQL'
select format(E'  "encoding": "%s",\n  "collate": "%s",\n  "ctype": "%s",\n  "provider": "%s",\n  "locale": "%s",',
              pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, coalesce(j ->> 'datlocprovider', 'c'),
              coalesce(j ->> 'datlocale', j ->> 'daticulocale', 'none'))
  from pg_database d, to_jsonb(d) j where datname = current_database();
RAWAT_SQL
}

# What the session answers to the SQL of $1, line by line.
answers_to() {
	{ "$1" && printf '%s\n' '\echo rawat-end'; } >&3 || :
	line=
	while read -r line <&4 && [ "$line" != rawat-end ]; do printf '%s\n' "$line"; done
	[ "$line" = rawat-end ] || fail "PostgreSQL, while counting: $(tail -n 1 "$work/said")"
}

# A session that holds a snapshot open: the dump, the counts and the checksums see the very same rows.
backup_dump() {
	has pg_dump || fail "pg_dump is not on this host"
	globals_ready
	made_by=$(pg_dump --version)
	traits=$(database_traits) || fail "PostgreSQL gives no answer"
	trap '' PIPE
	mkfifo "$pipes/questions" "$pipes/answers" || fail "cannot make a pipe in $pipes"
	session <"$pipes/questions" >"$pipes/answers" 2>"$work/said" &
	holder=$!
	exec 3>"$pipes/questions" 4<"$pipes/answers"
	{
		our_settings
		echo 'set row_security = off;'
		echo 'begin isolation level repeatable read read only;'
		echo 'select pg_export_snapshot();'
		echo "select json_build_object('lsn', case when pg_is_in_recovery() then pg_last_wal_replay_lsn()"
		echo "  else pg_current_wal_lsn() end, 'at', now());"
	} >&3 || :
	read -r snapshot <&4 || fail "PostgreSQL: $(tail -n 1 "$work/said")"
	read -r point <&4 || fail "PostgreSQL: $(tail -n 1 "$work/said")"
	# Numbers are given out outside of any snapshot.
	[ "$count" = no ] || answers_to count_sequences >"$work/sequences"
	# Right after the snapshot: the owner of what is in it is hardly ever one that came later, or is gone by then.
	dump_globals
	set -- --format="$format" --snapshot="$snapshot" --file="$raw" --dbname="$(conninfo)"
	[ "$format" != directory ] || set -- --jobs="$jobs" "$@"
	# Bytes of no known encoding must not be read as UTF-8.
	case $traits in *'"encoding": "SQL_ASCII"'*) set -- --encoding=SQL_ASCII "$@" ;; esac
	pg_dump -w "$@" || fail "pg_dump ended with $?: $shown was not saved"
	if [ "$count" = yes ]; then
		objects=$(answers_to count_objects) || exit 1
		answers_to count_rows >"$work/tables"
		counted=snapshot
	fi
	exec 3>&- 4<&-
	wait "$holder" || :
	holder=
	trap - PIPE
}

backup_verify() {
	case $format in
	# The list of contents (pg_restore -l) reads well from half a file; all of it must be read.
	custom | directory) pg_restore -f /dev/null -- "$1" || fail "the dump of $shown cannot be read to its end" ;;
	plain)
		tail -n 8 -- "$1" | grep -q '^-- PostgreSQL database dump complete' ||
			fail "the dump of $shown has no end: it is not whole"
		;;
	esac
}
