psql -X -q -w --csv -v ON_ERROR_STOP=1 -d "$(conninfo)"
