# A scratch cluster, started on the folder $data: on a socket that only we can reach, on no port, never in an archive. It has
# no background workers: the jobs of pg_cron, the subscriptions and whatever else acts by itself belong to the source.
daemon=
cluster_start() {
	[ "$(id -u)" != 0 ] || fail "PostgreSQL does not run as root: work as its own user (become: postgres)"
	chmod 700 "$data"
	version=$(cat "$data/PG_VERSION") || fail "$artefact holds no cluster of PostgreSQL"
	program=$(pg_program postgres "$version") || exit 1
	rm -f -- "$data/standby.signal" "$data/postmaster.pid"
	printf 'local all all trust\n' >"$data/pg_hba.conf"
	: >"$data/pg_ident.conf"
	printf 'max_connections = 20\nmax_wal_senders = 0\nmax_prepared_transactions = 100\nshared_buffers = 32MB\n' >"$data/postgresql.conf"
	# What the login needs to be let in elsewhere would keep it out here.
	unset PGPASSWORD PGREQUIREAUTH PGCHANNELBINDING PGGSSENCMODE PGREQUIREPEER
	host=$pipes port=5432
	lead_there
	# What is said here is stronger than what the copy brings along (postgresql.auto.conf).
	"$program" -D "$data" -c config_file="$data/postgresql.conf" -c hba_file="$data/pg_hba.conf" -c ident_file="$data/pg_ident.conf" \
		-c listen_addresses= -c unix_socket_directories="$pipes" -c unix_socket_permissions=0700 -c port=5432 \
		-c archive_mode=off -c archive_command= -c primary_conninfo= -c shared_preload_libraries="$preload" -c ssl=off -c fsync=off \
		-c logging_collector=off -c log_destination=stderr -c autovacuum=off -c hot_standby=off -c max_worker_processes=0 \
		>"$pipes/log" 2>&1 </dev/null &
	daemon=$!
	until said=$(echo 'select 1;' | ask template1 2>&1); do
		kill -0 "$daemon" 2>/dev/null ||
			fail "the restored cluster does not start: $(grep -E 'FATAL|PANIC|ERROR' "$pipes/log" | grep -v 'the database system is' | tail -n 1)$(preloaded)"
		case $said in
		*'the database system is '* | *'No such file or directory'* | *'Connection refused'*) ;;
		*) fail "the restored cluster was started and gives no answer (user: names the role to ask as): $(printf '%s' "$said" | tail -n 1)" ;;
		esac
		sleep 0.2
	done
}

# What may be the reason where the data cannot be read.
preloaded() {
	libraries=$(noted preload)
	[ -z "$libraries" ] || [ -n "$preload" ] ||
		echo " (the source preloads $libraries, the scratch cluster nothing: where that is why, name what its data needs in 'preload')"
}

cluster_stop() {
	[ -n "$daemon" ] || return 0
	kill -QUIT "$daemon" 2>/dev/null || :
	wait "$daemon" 2>/dev/null || :
}

restore_drop() {
	cluster_stop
	scratch_remove
}

restore_check() {
	echo 'select datname from pg_database where datallowconn and not datistemplate order by 1;' | ask template1 >"$pipes/databases" ||
		fail "the restored cluster gives no answer"
	invalid=
	while IFS= read -r each; do
		bad=$(echo 'select count(*) from pg_index where not indisvalid;' | ask "$each") || fail "the restored database $each gives no answer$(preloaded)"
		[ "$bad" = 0 ] || invalid="${invalid:+$invalid, }$each: $bad"
	done <"$pipes/databases"
	if [ "$amcheck" = yes ]; then
		program=$(pg_program pg_amcheck "$version") || exit 1
		"$program" -w --all --maintenance-db="$(unlimited template1)" --install-missing --heapallindexed >&2 || fail "pg_amcheck found damage in the restored cluster$(preloaded)"
		checked="$checked; pg_amcheck found nothing"
	fi
	if [ -n "$invalid" ]; then invalid="indexes that are not valid, as in the source ($invalid)"; else invalid="every index is valid"; fi
	# Files that are as they were have what was not valid in the source, too.
	say checked "$checked; started, recovered, $invalid"
}

# Rows of every database, as `database: schema.table`.
restore_count() {
	checksum=no
	while IFS= read -r each; do
		name=$(echo 'select to_json(current_database());' | ask "$each")
		name=${name#?}
		name=$(printf '%s' "${name%?}" | sed 's/[&\\|]/\\&/g')
		count_rows | ask "$each" >"$pipes/rows" || fail "the rows of the restored database $each cannot be counted$(preloaded)"
		sed "s|^\\[\"|[\"$name: |" "$pipes/rows"
	done <"$pipes/databases"
}
