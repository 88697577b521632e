# Ends well once every service is up, and every job has run.

# A job (oneshot) that has ended well in this boot, and is not about to begin again, is done and not down.
ran() {
	systemctl show -p LoadState -p ActiveState -p Type -p RemainAfterExit -p Result -p Job -p InactiveEnterTimestampMonotonic -- "$1" |
		awk -F= '{ said[$1] = $2 }
			END { exit !(said["LoadState"] == "loaded" && said["ActiveState"] == "inactive" && said["Type"] == "oneshot" &&
				said["RemainAfterExit"] == "no" && said["Result"] == "success" && !said["Job"] &&
				said["InactiveEnterTimestampMonotonic"] > 0) }'
}

for service in $services; do
	systemctl is-active --quiet -- "$service" || ran "$service" || fail "$service is $(systemctl is-active -- "$service" || :)"
done
