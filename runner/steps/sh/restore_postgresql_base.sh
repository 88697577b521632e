restore_into() {
	data=$plain
	[ -d "$data" ] || fail "$artefact holds no folder of a cluster"
	version=$(cat "$data/PG_VERSION") || fail "$artefact holds no cluster of PostgreSQL"
	program=$(pg_program pg_verifybackup "$version") || exit 1
	(cd -- "$data" && "$program" -q -i rawat_tablespaces .) >&2 || fail "pg_verifybackup found $artefact damaged"
	checked="pg_verifybackup: every file is as in the manifest"
	cluster_start
}
