# The files of the whole cluster, by pg_basebackup, with the WAL that makes them one moment.
backup_need() {
	echo "select sum(pg_tablespace_size(oid))::bigint + (select coalesce(sum(size), 0)::bigint from pg_ls_waldir()) from pg_tablespace;" | ask
}

backup_dump() {
	others=$(echo "select string_agg(spcname, ', ' order by spcname) from pg_tablespace where spcname !~ '^pg_';" | ask) || fail "PostgreSQL gives no answer"
	[ -z "$others" ] || fail "$shown has tablespaces of its own ($others), which format: base cannot save: say format: pgbackrest, or format: custom for each of its databases"
	version=$(($(echo 'show server_version_num;' | ask) / 10000))
	program=$(pg_program pg_basebackup "$version") || exit 1
	made_by=$("$program" --version)
	"$program" -w -D "$raw" -F plain -X stream -c fast --manifest-checksums=SHA256 -l "rawat $stem" -d "$(conninfo)" >&2 ||
		fail "pg_basebackup ended with $?: $shown was not saved"
	point=$(sed -n 's/^{ "Timeline": \([0-9]*\), "Start-LSN": "\([0-9A-F/]*\)", "End-LSN": "\([0-9A-F/]*\)" }.*/{"timeline": \1, "start_lsn": "\2", "lsn": "\3"}/p' "$raw/backup_manifest" | tail -n 1)
	[ -n "$point" ] || point='{}'
}

# It hands its path to a shell without quoting it: from inside, the path is a dot.
backup_verify() {
	program=$(pg_program pg_verifybackup "$version") || exit 1
	(cd -- "$1" && "$program" -q .) >&2 || fail "pg_verifybackup found the copy of $shown damaged"
}
