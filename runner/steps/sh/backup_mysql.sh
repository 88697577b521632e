backup_need() {
	echo "select coalesce(sum(data_length + index_length), 0) from information_schema.tables where table_schema = database()" | ask
}

backup_dump() {
	others=$(echo "select count(*) from information_schema.tables t left join information_schema.engines e on e.engine = t.engine
		where t.table_schema = database() and t.table_type in ('BASE TABLE', 'SYSTEM VERSIONED') and coalesce(e.transactions, 'NO') <> 'YES'" | ask)
	[ "$others" = 0 ] || {
		consistent=false
		echo "$others tables are in no transactional engine: they may change while they are dumped" >&2
	}
	place=
	if [ "$(echo 'select @@log_bin' | ask)" = 1 ] && echo 'show master status' | ask >/dev/null 2>&1; then
		place=--master-data=2
		! { has mysqldump && mysqldump --help 2>/dev/null | grep -q -e --source-data; } || place=--source-data=2
	fi
	dump_database "$database" "$raw" || fail "$dumper ended with $?: $shown was not saved"
	[ -z "$place" ] || note_point
	if [ "$count" = yes ]; then
		objects=$(count_objects "$database") || fail "the routines and triggers of $shown cannot be counted"
		count_dump <"$raw" >"$work/tables"
		mv -- "$pipes/sequences" "$work/sequences"
		counted=dump
	fi
}

# The position in the binary log that the dump itself names, and the GTID that belongs to it.
note_point() {
	found=$(head -n 60 -- "$raw" | sed -n "s/^-- CHANGE .* TO [A-Z]*_LOG_FILE='\([^']*\)', [A-Z]*_LOG_POS=\([0-9]*\);.*/\1 \2/p" | head -n 1)
	[ -n "$found" ] || return 0
	file=${found% *}
	gtid=$(echo "select binlog_gtid_pos('$file', ${found#* })" | ask 2>/dev/null) || gtid=
	point="{\"binlog_file\": \"$file\", \"binlog_position\": ${found#* }"
	[ -z "$gtid" ] || [ "$gtid" = NULL ] || point="$point, \"gtid\": \"$gtid\""
	point="$point}"
}

backup_verify() {
	# Without the right to see it, a routine is left out with a remark, and the exit code is 0 all the same.
	! grep -q '^-- insufficient privileges' -- "$1" || fail "$(grep '^-- insufficient privileges' -- "$1" | head -n 1 | cut -c4-)"
	tail -c 400 -- "$1" | grep -q '^-- Dump completed' || fail "the dump of $shown has no end: it is not whole"
}
