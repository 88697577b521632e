# The files of the whole server, by mariabackup, made ready to be started (prepared) while they are still here.
maria_backup() {
	program=$(command -v mariadb-backup || command -v mariabackup) || fail "mariadb-backup is not on this host"
	[ -z "$user" ] || set -- "$@" "--user=$user"
	[ -z "$port" ] || set -- "$@" "--port=$port"
	[ -z "$host" ] || set -- "$@" "--host=$host"
	[ -z "$socket" ] || set -- "$@" --host=localhost "--socket=$socket"
	[ -z "${MYSQL_PWD-}" ] || {
		# It does not read the environment; a file that only we can read.
		printf '[client]\npassword="%s"\n' "$(printf '%s' "$MYSQL_PWD" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g')" >"$pipes/password.cnf"
		set -- "--defaults-extra-file=$pipes/password.cnf" "$@"
	}
	"$program" "$@"
}

backup_need() {
	folder=$(echo 'select @@datadir' | ask mysql) || return 1
	du -sk -- "$folder" 2>/dev/null | awk 'END { printf "%.0f", $1 * 1024 }'
}

backup_dump() {
	folder=$(echo 'select @@datadir' | ask mysql)
	maria_backup --backup "--target-dir=$raw" "--datadir=$folder" 2>"$pipes/said" ||
		{ grep -v '^\[00\]' "$pipes/said" | tail -n 20 >&2; fail "mariabackup ended badly: $shown was not saved"; }
	made_by=$("$program" --version 2>&1 | head -n 1)
	"$program" --prepare "--target-dir=$raw" >"$pipes/said" 2>&1 ||
		{ tail -n 20 "$pipes/said" >&2; fail "the copy of $shown could not be prepared"; }
	lsn=$(cat "$raw"/*backup_checkpoints | sed -n 's/^to_lsn = \([0-9]*\)/\1/p')
	point="{\"lsn\": ${lsn:-0}"
	binlog=$(cat "$raw"/*_binlog_info 2>/dev/null | tail -n 1) || binlog=
	[ -z "$binlog" ] || point="$point$(printf '%s\n' "$binlog" | awk -F '\t' '{ printf ", \"binlog_file\": \"%s\", \"binlog_position\": %d, \"gtid\": \"%s\"", $1, $2, $3 }')"
	point="$point}"
}

backup_verify() {
	grep -q '^backup_type = log-applied' "$1"/*backup_checkpoints || fail "the copy of $shown is not prepared: it could not be started"
}
