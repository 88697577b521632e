# How to log in is the login's matter, as far as nobody named it. What it likes to see otherwise, or has said to sessions, is not.
PGCLIENTENCODING=UTF8
PGAPPNAME=rawat
PGCONNECT_TIMEOUT=${PGCONNECT_TIMEOUT:-15}
export PGCLIENTENCODING PGAPPNAME PGCONNECT_TIMEOUT
unset PGOPTIONS PGDATABASE PGTZ PGDATESTYLE PGGEQO PG_COLOR

# What was named is what is gone to: all that would lead elsewhere goes. A service leads to a server, which is a host.
lead_there() {
	[ -z "$host$port" ] || unset PGCLUSTER
	[ -z "$host" ] || unset PGSERVICE PGHOSTADDR PGTARGETSESSIONATTRS
	[ -z "$host" ] || export PGHOST="$host"
	[ -z "$port" ] || export PGPORT="$port"
	[ -z "$user" ] || export PGUSER="$user"
}
lead_there
has psql || fail "psql is not on this host"

# psql as we want it: no settings of the user, no question for a password, the first error ends it.
session() {
	psql -X -q -w -A -t -v ON_ERROR_STOP=1 -d "$(conninfo "$@")"
}

# Answers to SQL that is there as a whole.
ask() {
	{ our_settings && cat 2>/dev/null; } | session "$@"
}

# SQL that sets aside what a role or a database allows a statement or a transaction: that is meant for others, and what is
# to be limited here is limited by the kind. By SQL, since a pooler refuses options of a connection. And bytes of no known
# encoding, which names may hold, too, are not read as UTF-8.
our_settings() {
	cat <<-'RAWAT_SQL'
		set statement_timeout = 0; set lock_timeout = 0; set idle_in_transaction_session_timeout = 0;
		select 'set transaction_timeout = 0' from pg_settings where name = 'transaction_timeout'
		union all select 'set client_encoding = SQL_ASCII' where current_setting('server_encoding') = 'SQL_ASCII'
		\gexec
	RAWAT_SQL
}

# A database as a connection string, in which no name can mean anything else, with what was named of its server and $2 as the
# session's options: of what stands there nothing is taken from a service.
conninfo() {
	for pair in "dbname=${1-$database}" "host=$host" "port=$port" "user=$user" client_encoding=UTF8 "options=${2-}"; do
		case $pair in host= | port= | user=) continue ;; esac
		printf "%s='%s' " "${pair%%=*}" "$(printf '%s' "${pair#*=}" | sed -e "s/\\\\/\\\\\\\\/g" -e "s/'/\\\\'/g")"
	done
}

# The same for a program that takes no SQL: with the limits set aside.
unlimited() {
	conninfo "${1-$database}" "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0"
}

# Programs that are called by their place go where psql went: it may have been led by a wrapper (PGCLUSTER, ~/.postgresqlrc).
follow_psql() {
	there=$(printf '%s\n' '\echo :PORT :HOST' | session "$@") || fail "PostgreSQL gives no answer"
	export PGPORT="${there%% *}" PGHOST="${there#* }"
}

# Whether the server is on this host, as far as we can tell: whoever comes by its socket has no address.
on_this_host() {
	[ "$(echo 'select inet_server_addr() is null;' | ask "$@")" = t ]
}

# A program of PostgreSQL's version $2 (15), by the places where packages keep them, else from the path.
pg_program() {
	for folder in "/usr/lib/postgresql/$2/bin" "/usr/pgsql-$2/bin" "/usr/lib/postgresql$2/bin" "/usr/libexec/postgresql$2"; do
		[ ! -x "$folder/$1" ] || { echo "$folder/$1"; return 0; }
	done
	command -v "$1" || fail "$1 of PostgreSQL $2 is not on this host"
}

# SQL that makes one line per table, as JSON: its name, how many rows it has, and (checksum=yes) a checksum of them that
# does not depend on their order. Texts of values do not depend on the settings of a user.
count_rows() {
	content=
	if [ "$checksum" = yes ]; then
		echo "set datestyle = 'ISO'; set intervalstyle = 'postgres'; set timezone = 'UTC'; set extra_float_digits = 3;"
		echo "set search_path = pg_catalog; set bytea_output = 'hex'; set lc_monetary = 'C'; set xmlbinary = 'base64'; set quote_all_identifiers = off;"
		content=", coalesce(sum((''x'' || substr(md5((r.*)::text), 1, 16))::bit(64)::bigint), 0)::text"
	fi
	cat <<RAWAT_SQL
select format('select json_build_array(%L, count(*)$content) from only %I.%I r', format('%I.%I', n.nspname, c.relname), n.nspname, c.relname)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
   and not exists (select from pg_depend d
                    where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
 order by 1
\\gexec
RAWAT_SQL
}

# SQL for the sequences: $1, a query of `line` by `name` (as SQL writes it), `place` (format's word for it), `step` and `next`
# (how its next number is read), for each. One that begins anew at its end stands behind and before everything.
of_sequences() {
	cat <<RAWAT_SQL
with sequences as (
  select format('%I.%I', n.nspname, c.relname) as name, seqincrement as step,
         format('(select last_value::numeric + case when is_called then (%s) else 0 end as next from %I.%I) as s', seqincrement, n.nspname, c.relname) as place
    from pg_sequence join pg_class c on c.oid = seqrelid join pg_namespace n on n.oid = c.relnamespace
   where c.relpersistence <> 't' and not seqcycle and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
     and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e'))
$1
\\gexec
RAWAT_SQL
}

# One line of JSON for each: its name and the number that comes next.
count_sequences() {
	of_sequences "select format('select json_build_array(%L, next::text) from %s', name, place) from sequences order by name"
}

# One line of JSON for each that is missing or stands behind what the lines $1 say: its name, the number that was to come
# next, and the one that does. A dump reads it later than we do, so that it may stand before.
sequences_behind() {
	tag=rawat$(od -An -N8 -tx1 /dev/urandom | tr -d ' \n')
	of_sequences ", saved as (
  select j ->> 0 as name, (j ->> 1)::numeric as next from json_array_elements(\$$tag\$[$1]\$$tag\$) as j)
select case when place is null then format('select json_build_array(%L, %L, null)', name, next::text)
       else format('select json_build_array(%L, %L, next::text) from %s where (next - %s) * sign(%s) < 0', name, next::text, place, next, step) end
  from (select saved.name, saved.next, place, step from saved left join sequences using (name)) as both_sides order by name"
}

# SQL for one line of JSON: how many there are of what is no table. What belongs to an extension is not counted, nor what no
# dump has: an index that is not valid (an interrupted REINDEX CONCURRENTLY leaves such). Large objects are summed as rows are,
# a megabyte at a time, so that one of any size needs no more memory.
count_objects() {
	blobs=
	[ "$checksum" != yes ] || blobs=",
  'large_objects_checksum', (
    with recursive part as (
      select oid, at, length(data) as size, md5(data) as sum from (
        select oid, 0::bigint as at, lo_get(oid, 0, 1048576) as data from pg_largeobject_metadata) as first
      union all
      select oid, at, length(data), md5(data) from (
        select oid, at + size as at, lo_get(oid, at + size, 1048576) as data from part where size = 1048576) as next)
    select coalesce(sum(('x' || substr(md5(format('%s %s %s', oid, at, sum)), 1, 16))::bit(64)::bigint), 0)::text from part)"
	cat <<RAWAT_SQL
with own as (select oid from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema'),
gone as (select classid, objid from pg_depend where deptype = 'e')
select json_build_object(
  'indexes', (select count(*) from pg_class c where relkind in ('i', 'I') and relnamespace in (select oid from own)
               and (relkind = 'I' or exists (select from pg_index x where x.indexrelid = c.oid and indisvalid and indisready))
               and not exists (select from pg_index x join gone on classid = 'pg_class'::regclass and objid = x.indrelid where x.indexrelid = c.oid)),
  'views', (select count(*) from pg_class c where relkind in ('v', 'm') and relnamespace in (select oid from own)
             and ('pg_class'::regclass::oid, c.oid) not in (select classid, objid from gone)),
  'sequences', (select count(*) from pg_class c where relkind = 'S' and relnamespace in (select oid from own)
                 and ('pg_class'::regclass::oid, c.oid) not in (select classid, objid from gone)),
  'routines', (select count(*) from pg_proc p where pronamespace in (select oid from own)
                and ('pg_proc'::regclass::oid, p.oid) not in (select classid, objid from gone)),
  'triggers', (select count(*) from pg_trigger t join pg_class c on c.oid = t.tgrelid
                where not tgisinternal and c.relnamespace in (select oid from own)),
  'constraints', (select count(*) from pg_constraint where conrelid <> 0 and contype <> 't' and connamespace in (select oid from own)),
  'large_objects', (select count(*) from pg_largeobject_metadata)$blobs);
RAWAT_SQL
}
