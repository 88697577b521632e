# The files of the whole cluster, by pg_basebackup, with the WAL that makes them one moment.
backup_need() {
	echo "select sum(pg_tablespace_size(oid))::bigint + (select coalesce(sum(size), 0)::bigint from pg_ls_waldir()) from pg_tablespace;" | ask
}

# A tablespace is copied beside the cluster, becomes a folder in it, and the link leads there: nothing leads out of the copy,
# and it starts as it is. The server's own folders have no such name, so that pg_verifybackup is told to pass over it.
# $1 as one of the two paths of a mapping, which an equals sign would end.
path_word() {
	printf '%s' "$1" | sed -e 's/=/\\=/g'
}

# What the source preloads, as far as this user may see it: its configuration may lie elsewhere than its data.
note_preload() {
	libraries=$(echo 'show shared_preload_libraries;' | ask 2>/dev/null) || return 0
	[ -z "$libraries" ] || traits="${traits:+$traits
}  \"preload\": \"$(json "$libraries")\","
}

backup_dump() {
	version=$(($(echo 'show server_version_num;' | ask) / 10000))
	program=$(pg_program pg_basebackup "$version") || exit 1
	made_by=$("$program" --version)
	echo "select oid || ' ' || pg_tablespace_location(oid) from pg_tablespace where pg_tablespace_location(oid) like '/%' order by oid;" | ask >"$work/spaces.list" ||
		fail "PostgreSQL gives no answer"
	mkdir "$work/spaces"
	set --
	while IFS=' ' read -r oid place; do
		set -- "$@" "--tablespace-mapping=$(path_word "$place")=$(path_word "$work/spaces/$oid")"
		traits="${traits:+$traits, }\"$oid\": \"$(json "$place")\""
	done <"$work/spaces.list"
	[ -z "$traits" ] || traits="  \"tablespaces\": {$traits},"
	note_preload
	follow_psql
	"$program" -w -D "$raw" -F plain -X stream -c fast --manifest-checksums=SHA256 -l "rawat $stem" -d "$(conninfo)" "$@" >&2 ||
		fail "pg_basebackup ended with $?: $shown was not saved"
	[ ! -s "$work/spaces.list" ] || mv -- "$work/spaces" "$raw/rawat_tablespaces" || fail "cannot put the tablespaces into the copy"
	while IFS=' ' read -r oid place; do
		ln -sfn -- "../rawat_tablespaces/$oid" "$raw/pg_tblspc/$oid" || fail "cannot put the tablespace of $place into the copy"
	done <"$work/spaces.list"
	point=$(sed -n 's/^{ "Timeline": \([0-9]*\), "Start-LSN": "\([0-9A-F/]*\)", "End-LSN": "\([0-9A-F/]*\)" }.*/{"timeline": \1, "start_lsn": "\2", "lsn": "\3"}/p' "$raw/backup_manifest" | tail -n 1)
	[ -n "$point" ] || point='{}'
}

# It hands its path to a shell without quoting it: from inside, the path is a dot.
backup_verify() {
	program=$(pg_program pg_verifybackup "$version") || exit 1
	(cd -- "$1" && "$program" -q -i rawat_tablespaces .) >&2 || fail "pg_verifybackup found the copy of $shown damaged"
}
