backup_need() {
	echo "select coalesce(sum(data_length + index_length), 0) from information_schema.tables where table_schema = database()" | ask
}

backup_dump() {
	if has mariadb-dump; then
		dumper=mariadb-dump
	elif has mysqldump; then
		dumper=mysqldump
	else
		fail "neither mariadb-dump nor mysqldump is on this host"
	fi
	made_by=$("$dumper" --version)
	others=$(echo "select count(*) from information_schema.tables t left join information_schema.engines e on e.engine = t.engine
		where t.table_schema = database() and t.table_type = 'BASE TABLE' and coalesce(e.transactions, 'NO') <> 'YES'" | ask)
	[ "$others" = 0 ] || {
		consistent=false
		echo "$others tables are in no transactional engine: they may change while they are dumped" >&2
	}
	# Newer dump programs of MariaDB write a row per line; others are told to, so that rows can be counted.
	rows=--skip-extended-insert
	case $made_by in
	*" 1"[1-9].*MariaDB* | *"from 1"[1-9].* | *" 10."1[1-9]*MariaDB* | *"from 10."1[1-9]*) rows=--extended-insert ;;
	esac
	connected "$dumper" --single-transaction --quick --routines --triggers --events --hex-blob --no-tablespaces \
		--comments "$rows" --result-file="$new" -- "$database" || fail "$dumper ended with $?: $shown was not saved"
	if [ "$count" = yes ]; then
		count_dump <"$new" >"$work/tables"
		counted=dump
	fi
}

# The rows of each table as they stand in a dump, one JSON line per table. Line breaks in values are escaped in it.
count_dump() {
	awk '
	function table(line,  name) {
		name = line
		sub(/^[^`]*`/, "", name)
		gsub(/``/, "\001", name)
		sub(/`.*/, "", name)
		gsub(/\001/, "`", name)
		return name
	}
	/^DELIMITER ;;/ { body = 1; next }
	/^DELIMITER ;$/ { body = 0; next }
	body { next }
	inside { if (/^\(/) rows[now]++; if (/;$/) inside = 0; next }
	/^CREATE TABLE `/ { now = table($0); if (!(now in rows)) { rows[now] = 0; order[++n] = now } next }
	/^INSERT (IGNORE )?INTO `/ {
		now = table($0)
		if (/ VALUES$/) inside = 1
		else rows[now]++
	}
	END {
		for (i = 1; i <= n; i++) {
			name = order[i]
			gsub(/\\/, "\\\\", name)
			gsub(/"/, "\\\"", name)
			printf "[\"%s\", %d]\n", name, rows[order[i]]
		}
	}'
}

backup_verify() {
	# Without the right to see it, a routine is left out with a remark, and the exit code is 0 all the same.
	! grep -q '^-- insufficient privileges' -- "$1" || fail "$(grep '^-- insufficient privileges' -- "$1" | head -n 1 | cut -c4-)"
	tail -c 400 -- "$1" | grep -q '^-- Dump completed' || fail "the dump of $shown has no end: it is not whole"
}
