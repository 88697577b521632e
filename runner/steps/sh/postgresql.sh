PGCLIENTENCODING=UTF8
PGAPPNAME=rawat
PGCONNECT_TIMEOUT=${PGCONNECT_TIMEOUT:-15}
export PGCLIENTENCODING PGAPPNAME PGCONNECT_TIMEOUT
has psql || fail "psql is not on this host"

# psql as we want it: no settings of the user, no question for a password, the first error ends it.
ask() {
	psql -X -q -w -v ON_ERROR_STOP=1 -d "$(conninfo "$@")"
}

# A database's name as a connection string, in which no name can mean anything else.
conninfo() {
	printf "dbname='%s'" "$(printf '%s' "${1-$database}" | sed -e "s/\\\\/\\\\\\\\/g" -e "s/'/\\\\'/g")"
}
