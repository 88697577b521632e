# The files of the whole server, by mariabackup, made ready to be started (prepared) while they are still here.
# Ours is the one option file it reads: how to log in, how hard to work, and all that is said to the server, where nothing can
# say what is to be copied.
maria_login() {
	has my_print_defaults || fail "my_print_defaults, which comes with MariaDB, is not on this host"
	ours='xtrabackup mariabackup mariadb-backup'
	login_of "$program" "client client-server client-mariadb $ours"
	said_to "$program" "$ours" | options 'parallel|throttle|use-memory|tmpdir|open-files-limit'
	echo '[mysqld]'
	said_to "$program" "$(groups_of "$program")" | options '.*'
}

backup_need() {
	folder=$(echo 'select @@datadir' | ask mysql) || return 1
	du -sk -- "$folder" 2>/dev/null | awk 'END { printf "%.0f", $1 * 1024 }'
}

backup_dump() {
	folder=$(echo 'select @@datadir' | ask mysql)
	program=$(command -v mariadb-backup || command -v mariabackup) || fail "mariadb-backup is not on this host"
	maria_login >"$pipes/login.cnf"
	logged_in "$pipes/login.cnf" "$program" --backup "--target-dir=$raw" "--datadir=$folder" 2>"$pipes/said" ||
		{ grep -v '^\[00\]' "$pipes/said" | tail -n 20 >&2; fail "mariabackup ended badly: $shown was not saved"; }
	made_by=$("$program" --no-defaults --version 2>&1 | head -n 1)
	"$program" "--defaults-file=$pipes/login.cnf" --prepare "--target-dir=$raw" >"$pipes/said" 2>&1 ||
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
