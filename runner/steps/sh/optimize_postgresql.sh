# Bloat of a B-tree is an estimate: the pages that its rows need by the statistics, against the pages it has.
with_figures() {
	cat <<'RAWAT_SQL'
with keys as (
  select x.indexrelid, sum(coalesce((1 - s.null_frac) * s.avg_width, 8)) as width, count(s.avg_width) as known
    from pg_index x
    join pg_class t on t.oid = x.indrelid
    join pg_namespace n on n.oid = t.relnamespace
    cross join lateral unnest(x.indkey::int2[]) as k (attnum)
    join pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.attnum
    left join pg_stats s on s.schemaname = n.nspname and s.tablename = t.relname and s.attname = a.attname
   where not (0 = any (x.indkey::int2[]))
   group by x.indexrelid),
figures as (
select 'index' as kind, n.nspname as schema, c.relname as name, t.relname as of, c.oid, x.indisvalid as valid,
       pg_relation_size(c.oid) as bytes, null::bigint as index_bytes, null::bigint as rows, null::bigint as dead,
       null::bigint as stale, null::timestamptz as analyzed,
       case when am.amname = 'btree' and k.known > 0 and c.reltuples > 0 and pg_relation_size(c.oid) > 0 then
         greatest(0, round(100 - 100 * current_setting('block_size')::numeric
           * (1 + ceil(c.reltuples::numeric / greatest(1, floor((current_setting('block_size')::numeric - 40) * 0.9
              / (12 + 8 * ceil(k.width::numeric / 8)))))) / pg_relation_size(c.oid))) end as bloat_percent
  from pg_index x
  join pg_class c on c.oid = x.indexrelid and c.relkind = 'i'
  join pg_class t on t.oid = x.indrelid
  join pg_namespace n on n.oid = c.relnamespace
  join pg_am am on am.oid = c.relam
  left join keys k on k.indexrelid = c.oid
 where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
union all
select 'table', s.schemaname, s.relname, null, s.relid, null, pg_table_size(s.relid), pg_indexes_size(s.relid), n_live_tup, n_dead_tup,
       n_mod_since_analyze, greatest(last_analyze, last_autoanalyze),
       case when w.known > 0 and c.reltuples > 0 and pg_relation_size(c.oid) > 0 then
         greatest(0, round(100 - 100 * current_setting('block_size')::numeric
           * ceil(c.reltuples::numeric / greatest(1, floor((current_setting('block_size')::numeric - 24) / (28 + 8 * ceil(w.width::numeric / 8)))))
           / pg_relation_size(c.oid))) end
  from pg_stat_user_tables s
  join pg_class c on c.oid = s.relid
  left join (select schemaname, tablename, sum((1 - null_frac) * avg_width) as width, count(*) as known from pg_stats group by 1, 2) w
    on w.schemaname = s.schemaname and w.tablename = s.relname
 -- Temporary tables are their sessions' own.
 where s.schemaname !~ '^pg_'),
jobs as (
-- What a REINDEX or CREATE INDEX CONCURRENTLY leaves when it is cut off, and nobody is making now.
select format('DROP INDEX CONCURRENTLY %I.%I', f.schema, f.name) as statement, 0 as turn, f.bytes as weight, f.oid from figures f
 where f.kind = 'index' and not f.valid and f.name ~ '_cc(new|old)[0-9]*$'
   and not exists (select from pg_stat_progress_create_index p join pg_index x on x.indrelid = p.relid where x.indexrelid = f.oid)
union all
select format('VACUUM (ANALYZE) %I.%I', schema, name) as statement, 1, dead, oid from figures
 where kind = 'table' and dead >= :dead_rows and 100.0 * dead / greatest(1, rows + dead) >= :dead_percent
union all
select format('ANALYZE %I.%I', schema, name), 1, 0, oid from figures
 where kind = 'table' and not (dead >= :dead_rows and 100.0 * dead / greatest(1, rows + dead) >= :dead_percent)
   and stale >= :dead_rows and 100.0 * stale / greatest(1, rows) >= :dead_percent
union all
select format('REINDEX INDEX CONCURRENTLY %I.%I', schema, name), 2, bytes, oid from figures
 where kind = 'index' and valid and bytes >= :index_size and bloat_percent >= :index_bloat_percent)
RAWAT_SQL
}

set_limits() {
	printf '\\set dead_rows %s\n\\set dead_percent %s\n' "$dead_rows" "$dead_percent"
	printf '\\set index_size %s\n\\set index_bloat_percent %s\n' "$index_size" "$index_bloat_percent"
	printf '\\set table_size %s\n\\set table_bloat_percent %s\n' "$table_size" "$table_bloat_percent"
	printf '\\set repack %s\n' "$repack"
	printf '\\set transaction_age %s\n\\set xid_age %s\n\\set cache_hit_percent %s\n' "$transaction_age" "$xid_age" "$cache_hit_percent"
	# Asking for a size waits for whoever holds the table exclusively: not for longer than was allowed.
	echo "$session_limits"
}

measure() {
	{
		set_limits
		with_figures
		cat <<'RAWAT_SQL'
select 'rawat:' || :'moment' || '=' || said from (
  select 1 as part, row_number() over (order by kind, schema, name) as line,
         json_build_object('kind', kind, 'name', format('%I.%I', schema, name), 'of', "of", 'bytes', bytes, 'index_bytes', index_bytes,
           'rows', rows, 'dead', dead, 'stale', stale, 'analyzed', analyzed, 'valid', valid, 'bloat_percent', bloat_percent)::text as said
    from figures
  union all
  select 2, row_number() over (order by turn, weight desc), json_build_object('kind', 'job', 'name', statement)::text from jobs
  union all
  select 2, 1000000 + row_number() over (order by bytes desc), json_build_object('kind', 'job', 'name', format('pg_repack %I.%I', schema, name))::text
    from figures where :'repack' = 'yes' and kind = 'table' and bytes >= :table_size and bloat_percent >= :table_bloat_percent
  union all
  select 3, 1, json_build_object('kind', 'database', 'name', current_database(), 'bytes', pg_database_size(current_database()),
           'cache_hit_percent', (select round(100.0 * blks_hit / nullif(blks_hit + blks_read, 0), 1) from pg_stat_database where datname = current_database()),
           'xid_age', (select age(datfrozenxid) from pg_database where datname = current_database()))::text
  union all
  select 4, 1, json_build_object('kind', 'oldest', 'name', 'transaction', 'seconds',
           coalesce(max(extract(epoch from now() - xact_start))::bigint, 0))::text
    from pg_stat_activity where xact_start is not null and pid <> pg_backend_pid()
) as answers order by part, line;
RAWAT_SQL
	} | sed "s/:'moment'/'$1'/" | ask || fail "PostgreSQL gave no figures of $shown"
	slowest "$1"
}

# The statements that took most time so far, where the server keeps count of them and somebody asked.
slowest() {
	[ "$statements" != 0 ] || return 0
	schema=$(echo "select quote_ident(n.nspname) from pg_extension e join pg_namespace n on n.oid = e.extnamespace
		where extname = 'pg_stat_statements';" | ask) || schema=
	if [ -z "$schema" ]; then
		note no_statements "pg_stat_statements is not installed in this database: nobody knows which statements are slow"
		return 0
	fi
	slow_in "$1" "$schema.pg_stat_statements" && return
	# The texts of all databases are read, and one in bytes of no known encoding spoils them all.
	if slow_in "$1" "$schema.pg_stat_statements(false)"; then
		note statements_without_text "a statement of another database of this server is in bytes of no known encoding: no text can be shown"
	else
		note no_statements "pg_stat_statements cannot be read"
	fi
}

slow_in() {
	echo "select 'rawat:$1=' || json_build_object('kind', 'statement', 'name', queryid::text, 'calls', calls,
			'mean_ms', round(mean_exec_time::numeric, 2), 'total_ms', round(total_exec_time::numeric),
			'query', coalesce(left(regexp_replace(query, '\\s+', ' ', 'g'), 200), ''))
		from $2 where dbid = (select oid from pg_database where datname = current_database())
		order by total_exec_time desc limit $statements;" | ask
}

# What a person should know; nothing of it is ever changed by us.
report() {
	{
		set_limits
		with_figures
		cat <<'RAWAT_SQL'
, use as (
select s.indexrelid, s.idx_scan, x.indisunique, x.indrelid, x.indkey::text, x.indclass::text, x.indcollation::text, x.indoption::text,
       coalesce(pg_get_expr(x.indexprs, x.indrelid), '') as expressions, coalesce(pg_get_expr(x.indpred, x.indrelid), '') as condition,
       format('%I.%I', s.schemaname, s.indexrelname) as name, pg_relation_size(s.indexrelid) as bytes,
       exists (select from pg_constraint c where c.conindid = s.indexrelid) as constrains
  from pg_stat_user_indexes s join pg_index x on x.indexrelid = s.indexrelid where x.indisvalid)
select 'rawat:finding=' || json_build_object('what', what, 'object', object, 'detail', detail) from (
  select 1 as part, 'unused index' as what, name as object,
         format('no scan since %s, %s bytes; look at replicas too before it is dropped',
           coalesce((select stats_reset::date::text from pg_stat_database where datname = current_database()), 'statistics began'), bytes) as detail
    from use where idx_scan = 0 and not indisunique and not constrains and bytes >= :index_size
  union all
  select 2, 'duplicate index', a.name, format('the same as %s, %s bytes', b.name, a.bytes)
    from use a join use b on a.indrelid = b.indrelid and a.indexrelid > b.indexrelid and a.indkey = b.indkey and a.indclass = b.indclass
      and a.indcollation = b.indcollation and a.indoption = b.indoption and a.expressions = b.expressions and a.condition = b.condition
  union all
  select 3, 'invalid index', format('%I.%I', schema, name), 'it is kept up to date and answers nothing' from figures where kind = 'index' and not valid
  union all
  select 4, 'bloated table', format('%I.%I', schema, name), format('about %s %% of %s bytes hold no row; VACUUM does not give them back, pg_repack does', bloat_percent, bytes)
    from figures where kind = 'table' and bytes >= :table_size and bloat_percent >= :table_bloat_percent
  union all
  select 5, 'long transaction', format('process %s of %s', pid, usename),
         format('open for %s s, %s, application %s: no dead row younger than it can go', extract(epoch from now() - xact_start)::bigint, state, application_name)
    from pg_stat_activity where xact_start < now() - :transaction_age * interval '1 s' and pid <> pg_backend_pid() and datname = current_database()
  union all
  select 6, 'transaction ids', current_database()::text, format('%s transactions since the oldest frozen one; autovacuum forces itself at %s',
         age(datfrozenxid), current_setting('autovacuum_freeze_max_age'))
    from pg_database where datname = current_database() and age(datfrozenxid) >= :xid_age
  union all
  select 7, 'cache', current_database()::text, format('%s %% of the blocks that were asked for were in memory', round(100.0 * blks_hit / (blks_hit + blks_read), 1))
    from pg_stat_database where datname = current_database() and blks_hit + blks_read > 10000
     and 100.0 * blks_hit / (blks_hit + blks_read) < :cache_hit_percent
) as found order by part, object;
RAWAT_SQL
	} | ask || fail "PostgreSQL gave no report of $shown"
	against_memory
}

# Settings against the memory of this machine, where the server is on it.
against_memory() {
	on_this_host || return 0
	memory=$(sed -n 's/^MemTotal: *\([0-9]*\) kB$/\1/p' /proc/meminfo 2>/dev/null) || memory=
	[ -n "$memory" ] || return 0
	echo "with s as (select pg_size_bytes(current_setting('shared_buffers')) as shared, pg_size_bytes(current_setting('work_mem')) as work,
			current_setting('max_connections')::bigint as connections, pg_size_bytes(current_setting('effective_cache_size')) as cache, $memory * 1024::bigint as memory)
		select 'rawat:finding=' || json_build_object('what', 'setting', 'object', object, 'detail', detail) from (
			select 'shared_buffers' as object, format('%s of %s bytes of memory; a quarter is usual', shared, memory) as detail from s where shared < memory / 10 or shared > memory * 0.5
			union all select 'work_mem', format('%s bytes for each of %s connections is more than the %s bytes of memory', work, connections, memory) from s where work * connections > memory
			union all select 'effective_cache_size', format('%s bytes is more than the %s of memory', cache, memory) from s where cache > memory) f order by object;" | ask || :
}

prepare() {
	:
}

# Statements of a turn, each tried by itself; one that fails does not stop the others, and is named. Dead rows go before
# indexes are judged, since only then is it known how much of an index is empty.
work() {
	for turn in 0 1 2; do
		jobs_of "$turn"
		expect
		while IFS= read -r job <&3; do
			in_budget "$job" || continue
			say_did "$job"
			{
				printf '\\set VERBOSITY verbose\n'
				set_limits
				# The statement as JSON, since a name may hold a line break; the tag is one that no name holds.
				tag=rawat$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
				printf 'select $%s$%s$%s$::json #>> array[]::text[]\n\\gexec\n' "$tag" "$job" "$tag"
			} | ask 2>"$errors" || echo "ended: $?" >>"$errors"
			cat "$errors" >&2
			# Codes of classes 00 to 02 are notices; the words before them may be in any language.
			sed -n 's/^[^ ]*:  \([0-9A-Z]\{5\}: .*\)/\1/p' "$errors" | grep -v '^0[012]' >"$failures" || :
			[ -s "$failures" ] || sed -n '/^ended: /{x;s/^$/the session ended/;p;};/^ended: /!h' "$errors" >"$failures"
			say_took "$job"
		done 3<"$list"
	done
	[ "$repack" != yes ] || repack_tables
}

jobs_of() {
	{
		set_limits
		with_figures
		echo "select to_json(statement) from jobs where turn = $1 order by weight desc, statement;"
	} | ask >"$list" || fail "PostgreSQL gave no list of what is to be done in $shown"
}

# The database as this pg_repack takes it: since 1.5 a connection string; before it put a name into one of its own, as
# it was, so that it gets one that is quoted already.
for_repack() {
	given=$(unlimited)
	case $("$1" --version) in
	*' '[01].[0-4] | *' '[01].[0-4].*) given=${given#dbname=} ;;
	esac
	printf '%s\n' "$given"
}

# Tables written anew by pg_repack, which takes a lock only at its beginning and its end.
repack_tables() {
	{
		set_limits
		with_figures
		echo "select to_json(format('%I.%I', schema, name)) from figures
			where kind = 'table' and bytes >= :table_size and bloat_percent >= :table_bloat_percent order by bytes desc;"
	} | ask >"$list" || fail "PostgreSQL gave no list of bloated tables of $shown"
	[ -s "$list" ] || return 0
	version=$(($(echo 'show server_version_num;' | ask) / 10000))
	program=$(pg_program pg_repack "$version") || { echo "rawat:failed=pg_repack is not on this host"; return 0; }
	[ "$(echo "select count(*) from pg_extension where extname = 'pg_repack';" | ask)" = 1 ] ||
		{ echo "rawat:failed=the extension pg_repack is not installed in this database"; return 0; }
	follow_psql
	expect
	while IFS= read -r table <&3; do
		job="\"pg_repack ${table#?}"
		in_budget "$job" || continue
		say_did "$job"
		name=$(printf 'select $rawat$%s$rawat$::json #>> array[]::text[];\n' "$table" | ask)
		: >"$failures"
		"$program" --dbname="$(for_repack "$program")" --no-order --no-kill-backend --wait-timeout="$(((lock_timeout + 999) / 1000))" --table="$name" >"$errors" 2>&1 ||
			{ grep -E 'ERROR|WARNING' "$errors" | tail -n 1 || tail -n 1 "$errors"; } >"$failures"
		# It gives up waiting with a warning and ends well.
		[ -s "$failures" ] || ! grep -q 'timed out' "$errors" || grep 'timed out' "$errors" | tail -n 1 >"$failures"
		cat "$errors" >&2
		say_took "$job"
	done 3<"$list"
}

check() {
	:
}
