for what in $asked; do
	case $what in
	clock)
		if has timedatectl && known=$(timedatectl show -p NTPSynchronized -p Timezone 2>/dev/null); then
			printf '%s\n' "$known" | sed -n -e 's/^NTPSynchronized=/rawat:synchronised=/p' -e 's/^Timezone=/rawat:timezone=/p'
		else
			[ ! -L /etc/localtime ] || readlink /etc/localtime | sed -n 's/^.*zoneinfo\//rawat:timezone=/p'
		fi
		if has chronyc && tracked=$(chronyc -c tracking 2>/dev/null); then
			printf '%s\n' "$tracked" | awk -F, '{ print "rawat:offset=" $5; print "rawat:synchronised=" ($NF == "Not synchronised" ? "no" : "yes") }'
		elif has timedatectl; then
			timedatectl timesync-status 2>/dev/null | awk '$1 == "Offset:" {
				split("us 1e-6 ms 1e-3 s 1 min 60 h 3600", u); for (i = 1; i in u; i += 2) unit[u[i]] = u[i + 1]
				total = 0
				for (i = 2; i <= NF; i++) {
					name = much = $i
					gsub(/[-+0-9.]/, "", name)
					gsub(/[^0-9.]/, "", much)
					total += much * unit[name]
				}
				printf "rawat:offset=%s%.6f\n", ($2 ~ /^-/ ? "-" : ""), total }' || :
		fi
		;;
	kernel)
		say kernel "$(uname -r)"
		say newest "$(newest_kernel)"
		;;
	units)
		units_known || fail "systemd does not run on this host: nobody can say which units failed"
		failed_units
		;;
	esac
done
