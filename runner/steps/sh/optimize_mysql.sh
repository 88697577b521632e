fragmented="table_type = 'BASE TABLE' and data_free >= $free_size
  and 100 * data_free / greatest(1, data_length + index_length + data_free) >= $free_percent"

# Fresh figures, from MySQL 8 too, which else shows those of yesterday.
measure() {
	{
		echo '/*!80000 set session information_schema_stats_expiry = 0 */;'
		echo "select concat('rawat:$1=', json_object('kind', 'table', 'name', table_name, 'engine', engine, 'rows', table_rows,
			'bytes', data_length, 'index_bytes', index_length, 'free_bytes', data_free))
			from information_schema.tables where table_schema = database() and table_type = 'BASE TABLE' order by table_name;"
		echo "select concat('rawat:$1=', json_object('kind', 'database', 'name', database(),
			'bytes', coalesce(sum(data_length + index_length + data_free), 0)))
			from information_schema.tables where table_schema = database() and table_type = 'BASE TABLE';"
		echo "select concat('rawat:$1=', json_object('kind', 'job', 'name', concat('OPTIMIZE TABLE ', table_name)))
			from information_schema.tables where table_schema = database() and $fragmented order by data_free desc;"
	} | ask || fail "$client gave no figures of $shown"
	[ "$statements" = 0 ] || slowest "$1"
}

counted() {
	[ "$(echo 'select @@performance_schema' | ask)" = 1 ]
}

slowest() {
	counted || { note no_statements "performance_schema is off: nobody knows which statements are slow"; return 0; }
	echo "select concat('rawat:$1=', json_object('kind', 'statement', 'name', digest, 'calls', count_star,
			'mean_ms', round(avg_timer_wait / 1000000000, 2), 'total_ms', round(sum_timer_wait / 1000000000),
			'rows_examined', sum_rows_examined, 'tables_on_disk', sum_created_tmp_disk_tables, 'query', left(digest_text, 200)))
		from performance_schema.events_statements_summary_by_digest where schema_name = database() and digest is not null
		order by sum_timer_wait desc limit $statements" | ask || note no_statements "performance_schema cannot be read"
}

# For each table that fits, `statement TABLE`, as the beginning $1 and the end $2 of it. A name may hold anything but a line break.
statements_of() {
	echo "select concat('$1 \`', replace(table_name, '\`', '\`\`'), '\`$2') from information_schema.tables
		where table_schema = database() and $3 order by data_free desc" | ask
}

# Sizes of a table are known only after it was analysed.
prepare() {
	statements_of 'analyze table' '' "table_type = 'BASE TABLE'" >"$list"
	run_list
}

# A table of InnoDB is written anew while it is read and written; other engines, and tables that cannot be so, are locked,
# which happens only where it was asked for.
work() {
	if [ "$blocking" = yes ]; then
		statements_of 'optimize table' '' "$fragmented" >"$list"
	else
		statements_of 'alter table' ' force, algorithm=inplace, lock=none' "engine = 'InnoDB' and $fragmented" >"$list"
		statements_of 'optimize table' '' "engine <> 'InnoDB' and $fragmented" | while IFS= read -r statement; do
			printf 'rawat:left="%s: it would lock the table (blocking: true)"\n' "$(quoted "$statement")"
		done
	fi
	run_list
}

quoted() {
	printf '%s' "$1" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g'
}

# Each statement of the list is tried; one that fails does not stop the others.
run_list() {
	expect
	while IFS= read -r statement <&3; do
		job="\"$(quoted "$statement")\""
		in_budget "$job" || continue
		say_did "$job"
		if said=$(printf '%s\n%s;\n' "$session_limits" "$statement" | ask 2>&1); then
			# The first says why; behind one that was given up stands a Corrupt that means nothing.
			printf '%s\n' "$said" | awk -F '\t' '$3 == "Error" || $3 == "error" { print $1 ": " $4; exit }' >"$failures"
		else
			printf '%s\n' "$said" | tail -n 1 >"$failures"
		fi
		say_took "$job"
	done 3<"$list"
}

report() {
	{
		echo "select concat('rawat:finding=', json_object('what', 'duplicate index', 'object', concat(a.table_name, '.', a.index_name), 'detail', concat('the same columns as ', b.index_name)))
			from (select table_name, index_name, max(non_unique) as many, group_concat(column_name, ':', coalesce(sub_part, ''), ':', index_type order by seq_in_index) as columns
				from information_schema.statistics where table_schema = database() group by table_name, index_name) a
			join (select table_name, index_name, max(non_unique) as many, group_concat(column_name, ':', coalesce(sub_part, ''), ':', index_type order by seq_in_index) as columns
				from information_schema.statistics where table_schema = database() group by table_name, index_name) b
			on a.table_name = b.table_name and a.columns = b.columns and a.index_name <> b.index_name
			where a.many = 1 and (b.many = 0 or a.index_name > b.index_name);"
		echo "select concat('rawat:finding=', json_object('what', 'no primary key', 'object', t.table_name, 'detail', 'replication and online changes need one'))
			from information_schema.tables t where table_schema = database() and table_type = 'BASE TABLE' and not exists (select * from information_schema.table_constraints c
				where c.table_schema = t.table_schema and c.table_name = t.table_name and c.constraint_type = 'PRIMARY KEY');"
		echo "select concat('rawat:finding=', json_object('what', 'long transaction', 'object', concat('connection ', trx_mysql_thread_id),
				'detail', concat('open for ', timestampdiff(second, trx_started, now()), ' s, ', trx_rows_locked, ' rows locked')))
			from information_schema.innodb_trx where trx_started <= now() - interval $transaction_age second and trx_mysql_thread_id <> connection_id();"
	} | ask || note no_report "$client gave no report"
	! counted || echo "select concat('rawat:finding=', json_object('what', 'unused index', 'object', concat(u.object_name, '.', u.index_name),
			'detail', 'not used since the server started; look at replicas too before it is dropped'))
		from performance_schema.table_io_waits_summary_by_index_usage u join information_schema.statistics s
			on s.table_schema = u.object_schema and s.table_name = u.object_name and s.index_name = u.index_name and s.seq_in_index = 1
		where u.object_schema = database() and u.index_name <> 'PRIMARY' and u.count_star = 0 and s.non_unique = 1" | ask || :
	echo "select concat('rawat:finding=', json_object('what', 'cache', 'object', 'InnoDB',
			'detail', concat(round(100 - 100 * r.v / q.v, 1), ' % of the pages that were asked for were in memory')))
		from (select variable_value + 0.0 as v from information_schema.global_status where variable_name = 'INNODB_BUFFER_POOL_READS') r,
			(select variable_value + 0.0 as v from information_schema.global_status where variable_name = 'INNODB_BUFFER_POOL_READ_REQUESTS') q
		where q.v > 10000 and 100 - 100 * r.v / q.v < $cache_hit_percent" | ask 2>/dev/null || :
	on_this_host || return 0
	memory=$(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo 2>/dev/null) || memory=
	[ -z "$memory" ] || echo "select concat('rawat:finding=', json_object('what', 'setting', 'object', 'innodb_buffer_pool_size',
			'detail', concat(@@innodb_buffer_pool_size, ' of ', $memory * 1024, ' bytes of memory')))
		where @@innodb_buffer_pool_size < $memory * 1024 / 10 or @@innodb_buffer_pool_size > $memory * 1024 * 0.8" | ask || :
}

check() {
	:
}
