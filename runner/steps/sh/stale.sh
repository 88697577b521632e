# Services that run programs or libraries which are no more on the disk as they were, each once; root sees all of them.
stale() {
	[ "$(id -u)" = 0 ] || return 0
	{ stale_needrestart || stale_maps; } | sort -u
}

# needrestart also knows the files of interpreted programs.
stale_needrestart() {
	has needrestart || return 1
	NEEDRESTART_SUSPEND='' needrestart -b -r l >"$work/needrestart" 2>/dev/null || return 1
	sed -n 's/^NEEDRESTART-SVC: *//p' "$work/needrestart"
}

stale_maps() {
	grep -lE '^[^ ]+ ..x[^/]* /(usr|lib|lib64|bin|sbin|opt|srv|nix)[^ ]* \(deleted\)$' /proc/[0-9]*/maps 2>/dev/null |
		while IFS= read -r file; do
			sed -n 's|^[0-9]*:[^:]*:.*/system\.slice/\([^/]*\.slice/\)*\([^/]*\.service\)\(/.*\)*$|\2|p' "${file%maps}cgroup" 2>/dev/null | head -n 1
		done
}

# Each is restarted and looked at, but those that would take a session, the network or containers with them.
restart_stale() {
	stale >"$work/stale"
	set -f
	while IFS= read -r unit <&3; do
		why=
		case $unit in
		dbus* | systemd-logind* | systemd-networkd.service | NetworkManager* | networking.service | wpa_supplicant* | \
			getty@* | serial-getty@* | user@* | gdm* | lightdm* | sddm* | display-manager* | docker* | containerd* | libvirtd*)
			why="it takes others with it; a reboot restarts it" ;;
		esac
		for pattern in $keep_running; do
			# Patterns such as postgresql* are meant to match.
			# shellcheck disable=SC2254
			case $unit in $pattern | $pattern.service) why="is to be kept running" ;; esac
		done
		if [ "$restart" != restart ]; then
			printf 'rawat:restart=%s\n' "$unit"
		elif [ -n "$why" ]; then
			printf 'rawat:restart=%s\t%s\n' "$unit" "$why"
		elif ! systemctl restart -- "$unit" >&2; then
			printf 'rawat:restart=%s\t%s\nrawat:restart_failed=%s\n' "$unit" "it did not come up" "$unit"
		else
			printf 'rawat:restarted=%s\n' "$unit"
			echo "$unit" >>"$work/restarted"
		fi
	done 3<"$work/stale"
	set +f
	[ -s "$work/restarted" ] || return 0
	# What falls over does so at once; then it is asked for, not hoped for.
	sleep 1
	while IFS= read -r unit <&3; do
		systemctl is-active --quiet -- "$unit" || printf 'rawat:restart_failed=%s\n' "$unit"
	done 3<"$work/restarted"
}
