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
select 'table', schemaname, relname, null, relid, null, pg_table_size(relid), pg_indexes_size(relid), n_live_tup, n_dead_tup,
       n_mod_since_analyze, greatest(last_analyze, last_autoanalyze), null
  from pg_stat_user_tables),
jobs as (
select format('VACUUM (ANALYZE) %I.%I', schema, name) as statement, 1 as turn, dead as weight, oid from figures
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
}

measure() {
	{
		set_limits
		# Asking for a size waits for whoever holds the table exclusively: not for longer than was allowed.
		echo "set lock_timeout = '${lock_timeout}ms'; set statement_timeout = '${statement_timeout}ms';"
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
  select 3, 1, json_build_object('kind', 'database', 'name', current_database(), 'bytes', pg_database_size(current_database()))::text
  union all
  select 4, 1, json_build_object('kind', 'oldest', 'name', 'transaction', 'seconds',
           coalesce(max(extract(epoch from now() - xact_start))::bigint, 0))::text
    from pg_stat_activity where xact_start is not null and pid <> pg_backend_pid()
) as answers order by part, line;
RAWAT_SQL
	} | sed "s/:'moment'/'$1'/" | ask || fail "PostgreSQL gave no figures of $shown"
}

prepare() {
	:
}

# Every statement is tried; one that fails does not stop the others, and is named. Dead rows go before indexes are
# judged, since only then is it known how much of an index is empty.
work() {
	for turn in 1 2; do
		{
			printf '\\set ON_ERROR_STOP off\n\\set VERBOSITY verbose\n'
			set_limits
			echo "set lock_timeout = '${lock_timeout}ms'; set statement_timeout = '${statement_timeout}ms';"
			with_figures
			echo "select 'rawat:did=' || to_json(statement) from jobs where turn = $turn order by weight desc;"
			with_figures
			echo "select statement from jobs where turn = $turn order by weight desc"
			printf '\\gexec\n'
		} | ask 2>"$errors" || { cat "$errors" >&2; fail "PostgreSQL ended the session"; }
		cat "$errors" >&2
		# Codes of classes 00 to 02 are notices; the words before them may be in any language.
		sed -n 's/^[^ ]*:  \([0-9A-Z]\{5\}: .*\)/\1/p' "$errors" | grep -v '^0[012]' | sed 's/^/rawat:failed=/' || :
	done
}

check() {
	:
}
errors=$(mktemp "${TMPDIR:-/tmp}/rawat.XXXXXX") || fail "cannot write in ${TMPDIR:-/tmp}"
trap 'rm -f -- "$errors"' EXIT
trap 'exit 129' HUP INT TERM
