# A scratch server, started on the copied files: on a socket that only we can reach, and on no port.
daemon=
restore_drop() {
	if [ -n "$daemon" ]; then
		kill "$daemon" 2>/dev/null || :
		wait "$daemon" 2>/dev/null || :
	fi
	scratch_remove
}

restore_into() {
	[ -d "$plain" ] || fail "$artefact holds no folder of a server"
	grep -q '^backup_type = log-applied' "$plain"/*backup_checkpoints || fail "$artefact is not prepared: it cannot be started"
	program=$(command -v mariadbd || command -v mysqld || ls /usr/sbin/mariadbd /usr/sbin/mysqld /usr/libexec/mariadbd 2>/dev/null | head -n 1) || fail "mariadbd is not on this host"
	[ -n "$program" ] || fail "mariadbd is not on this host"
	set -- --no-defaults
	# The layout of InnoDB's files, as the server had it.
	if [ -f "$plain/backup-my.cnf" ]; then
		grep -E '^(\[mysqld\]|innodb_(data_file_path|page_size|undo_tablespaces|checksum_algorithm)=)' "$plain/backup-my.cnf" >"$pipes/my.cnf"
		set -- "--defaults-file=$pipes/my.cnf"
	fi
	[ "$(id -u)" != 0 ] || set -- "$@" --user=root
	"$program" "$@" "--datadir=$plain" "--socket=$pipes/s" "--pid-file=$pipes/pid" "--tmpdir=$pipes" --skip-networking --skip-grant-tables \
		--skip-slave-start --skip-log-bin --innodb-buffer-pool-size=32M --innodb-flush-log-at-trx-commit=0 >"$pipes/log" 2>&1 &
	daemon=$!
	host='' port='' user='' socket=$pipes/s login=
	until said=$(echo 'select 1' | ask mysql 2>&1); do
		kill -0 "$daemon" 2>/dev/null || fail "the restored server does not start: $(grep -E 'ERROR' "$pipes/log" | tail -n 1)"
		case $said in
		*'ERROR 2002 '* | *'ERROR 2013 '*) sleep 0.2 ;;
		*) fail "the restored server was started and gives no answer: $(printf '%s' "$said" | tail -n 1)" ;;
		esac
	done
	scratch=$plain
}

restore_check() {
	echo "select schema_name from information_schema.schemata where schema_name not in ('information_schema', 'performance_schema', 'sys', 'mysql')
		order by 1" | ask mysql >"$pipes/databases" || fail "the restored server gives no answer"
	while IFS= read -r each; do check_tables "$each"; done <"$pipes/databases"
	say checked "prepared, started, CHECK TABLE found nothing"
}

# Rows of every database, as `database.table`.
restore_count() {
	while IFS= read -r each; do
		echo "select concat('select json_array(', quote(concat(table_schema, '.', table_name)), ', count(*)) from \`', replace(table_name, '\`', '\`\`'), '\`;')
			from information_schema.tables where table_schema = database() and table_type in ('BASE TABLE', 'SYSTEM VERSIONED') order by table_name" | ask "$each" >"$pipes/sql" || return
		ask "$each" <"$pipes/sql" || return
	done <"$pipes/databases"
}
