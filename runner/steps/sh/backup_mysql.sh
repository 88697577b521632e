backup_need() {
	echo "select coalesce(sum(data_length + index_length), 0) from information_schema.tables where table_schema = database()" | ask
}

# The tables that there are: a line each of how the count of the dump begins for it, and 1 where rows were found in it. Rows of
# some engines are in no dump, nor are those of the logs in the server's own database.
tables_there() {
	echo "select concat('select _utf8mb4 x''', hex(concat('[', char(34 using ascii),
			replace(replace(table_name, char(92 using ascii), char(92, 92 using ascii)), char(34 using ascii), char(92, 34 using ascii)),
			char(34 using ascii), ', ')), ''', ', if(engine in ('InnoDB', 'MyISAM', 'Aria'),
			concat('exists (select 1 from \`', replace(table_name, '\`', '\`\`'), '\`);'), '0;'))
		from information_schema.tables where table_schema = database() and table_schema <> 'mysql'
			and table_type in ('BASE TABLE', 'SYSTEM VERSIONED') order by table_name" | ask >"$pipes/looks" && ask <"$pipes/looks" || fail "the tables of $shown cannot be looked into"
}

# What was there before the dump was begun, and is there still, is in it: whatever had it leave out tables or rows.
dump_is_of_all() {
	awk '
	FILENAME == ARGV[1] {
		sub(/(, "[0-9a-f]*")?\]$/, "")
		match($0, /[0-9]+$/)
		rows[substr($0, 1, RSTART - 1)] = substr($0, RSTART) + 0
		next
	}
	{ name = substr($0, 1, length($0) - 2) }
	!(name in rows) || (/1$/ && !rows[name])' "$work/tables" "$pipes/there" >"$pipes/missing"
	[ -s "$pipes/missing" ] || return 0
	tables_there >"$pipes/still"
	missing=$(grep -xFf "$pipes/missing" "$pipes/still" | sed -n '1s/^\[\(".*"\), .*$/\1/p')
	[ -z "$missing" ] || fail "the dump has nothing of $missing, which was there before and is there still: $shown was not saved whole"
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
		! { has mysqldump && mysqldump --no-defaults --help 2>/dev/null | grep -q -e --source-data; } || place=--source-data=2
	fi
	[ "$count" != yes ] || tables_there >"$pipes/there"
	dump_database "$database" "$raw" || fail "$dumper ended with $?: $shown was not saved"
	[ -z "$place" ] || note_point
	if [ "$count" = yes ]; then
		objects=$(count_objects "$database") || fail "the routines and triggers of $shown cannot be counted"
		count_dump <"$raw" >"$work/tables"
		mv -- "$pipes/sequences" "$work/sequences"
		dump_is_of_all
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
	flaw=$(flaw_of_dump <"$1")
	[ -z "$flaw" ] || fail "the dump of $shown $flaw"
	tail -c 400 -- "$1" | grep -q '^-- Dump completed' || fail "the dump of $shown has no end: it is not whole"
}
