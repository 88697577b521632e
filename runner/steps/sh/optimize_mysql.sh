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
}

# For each table that fits, `statement TABLE;`. A name may hold anything but a line break.
statements() {
	echo "select concat('$1 \`', replace(table_name, '\`', '\`\`'), '\`;') from information_schema.tables
		where table_schema = database() and $2 order by data_free desc" | ask
}

# Sizes of a table are known only after it was analysed.
prepare() {
	statements 'analyze table' "table_type = 'BASE TABLE'" >"$list"
	run_list
}

work() {
	statements 'optimize table' "$fragmented" >"$list"
	run_list
}

# Each statement of the list is tried; one that fails does not stop the others.
run_list() {
	longest=
	case $(echo 'select version()' | ask) in *MariaDB*) longest="set session max_statement_time = $((statement_timeout / 1000));" ;; esac
	while IFS= read -r statement; do
		printf 'rawat:did="%s"\n' "$(printf '%s' "$statement" | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/;$//')"
		said=$(printf 'set session lock_wait_timeout = %s; %s\n%s\n' "$(((lock_timeout + 999) / 1000))" "$longest" "$statement" | ask 2>&1) ||
			{ printf 'rawat:failed=%s\n' "$(printf '%s' "$said" | tail -n 1)"; continue; }
		printf '%s\n' "$said" | awk -F '\t' '$3 == "Error" || $3 == "error" { print "rawat:failed=" $1 ": " $4 }'
	done <"$list"
}

check() {
	:
}
list=$(mktemp "${TMPDIR:-/tmp}/rawat.XXXXXX") || fail "cannot write in ${TMPDIR:-/tmp}"
trap 'rm -f -- "$list"' EXIT
trap 'exit 129' HUP INT TERM
