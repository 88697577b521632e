measure() {
	lite list read "$database" <<RAWAT_SQL || fail "SQLite gave no figures of $shown"
select 'rawat:$1=' || json_object('kind', 'database', 'name', 'main', 'bytes', p.page_count * s.page_size,
  'free_bytes', f.freelist_count * s.page_size,
  'analyzed', (select count(*) from sqlite_master where name = 'sqlite_stat1'),
  'indexes', (select count(*) from sqlite_master where type = 'index'))
  from pragma_page_count p, pragma_page_size s, pragma_freelist_count f;
select 'rawat:$1=' || json_object('kind', 'job', 'name', 'VACUUM')
  from pragma_page_count p, pragma_page_size s, pragma_freelist_count f
 where f.freelist_count * s.page_size >= $free_size and 100.0 * f.freelist_count / max(1, p.page_count) >= $free_percent;
select 'rawat:$1=' || json_object('kind', 'job', 'name', 'ANALYZE')
 where not exists (select * from sqlite_master where name = 'sqlite_stat1');
RAWAT_SQL
}

run() {
	in_budget "\"$1\"" || return 0
	say_did "\"$1\""
	said=$(printf 'pragma busy_timeout = %s;\n%s;\n' "$lock_timeout" "$1" | lite list write "$database" 2>&1) ||
		printf '%s: %s\n' "$1" "$(printf '%s' "$said" | tail -n 1)" >"$failures"
	say_took "\"$1\""
}

report() {
	lite list read "$database" <<RAWAT_SQL || note no_report "SQLite gave no report"
select 'rawat:finding=' || json_object('what', 'duplicate index', 'object', a.name, 'detail', 'the same columns as ' || b.name)
  from (select m.tbl_name, m.name, m.rowid as number, (select group_concat(coalesce(i.cid, 'x') || i.desc || i.coll) from pragma_index_xinfo(m.name) i where i.key) as columns
          from sqlite_master m where m.type = 'index' and m.sql is not null and m.sql not like '% where %') a
  join (select m.tbl_name, m.name, m.rowid as number, (select group_concat(coalesce(i.cid, 'x') || i.desc || i.coll) from pragma_index_xinfo(m.name) i where i.key) as columns
          from sqlite_master m where m.type = 'index' and m.sql is not null and m.sql not like '% where %') b
    on a.tbl_name = b.tbl_name and a.columns = b.columns and a.number > b.number and a.columns not like '%-2%';
RAWAT_SQL
}

prepare() {
	:
}

work() {
	[ -w "$database" ] || fail "$database cannot be written by $(id -un)"
	[ "$(printf 'pragma quick_check;' | lite list read "$database")" = ok ] || fail "$shown is damaged: nothing was done"
	: >"$list"
	if [ "$(measure plan | grep -c '"VACUUM"')" = 1 ]; then
		room=$(df -Pk -- "$(dirname -- "$database")" | awk 'NR == 2 { printf "%.0f", $4 * 1024 }')
		need=$((2 * $(wc -c <"$database")))
		[ "$room" -ge "$need" ] || fail "expected at least $need bytes free beside $database for VACUUM, found $room"
		echo VACUUM >>"$list"
	fi
	echo ANALYZE >>"$list"
	[ "$(printf 'pragma journal_mode;' | lite list read "$database")" != wal ] || echo 'pragma wal_checkpoint(truncate)' >>"$list"
	expect
	while IFS= read -r statement <&3; do run "$statement"; done 3<"$list"
}

check() {
	said=$(echo 'pragma integrity_check;' | lite list read "$database") || said="it cannot be read"
	[ "$said" = ok ] || fail "integrity_check of $shown after the work: $(printf '%s' "$said" | head -n 1)"
	say checked "integrity_check says ok"
}
