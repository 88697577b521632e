PGCLIENTENCODING=UTF8
PGAPPNAME=rawat
PGCONNECT_TIMEOUT=${PGCONNECT_TIMEOUT:-15}
export PGCLIENTENCODING PGAPPNAME PGCONNECT_TIMEOUT
has psql || fail "psql is not on this host"

# psql as we want it: no settings of the user, no question for a password, the first error ends it.
ask() {
	psql -X -q -w -A -t -v ON_ERROR_STOP=1 -d "$(conninfo "$@")"
}

# A database's name as a connection string, in which no name can mean anything else.
conninfo() {
	printf "dbname='%s'" "$(printf '%s' "${1-$database}" | sed -e "s/\\\\/\\\\\\\\/g" -e "s/'/\\\\'/g")"
}

# SQL that makes one line per table, as JSON: its name and how many rows it has.
count_rows() {
	cat <<'RAWAT_SQL'
select format('select json_build_array(%L, count(*)) from only %I.%I', format('%I.%I', n.nspname, c.relname), n.nspname, c.relname)
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r' and c.relpersistence <> 't' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
   and not exists (select from pg_depend d
                    where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
 order by 1
\gexec
RAWAT_SQL
}
