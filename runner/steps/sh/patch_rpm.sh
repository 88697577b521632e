pending() {
	: >"$work/advised"
	case $manager in
	zypper)
		zypper --non-interactive --quiet --no-refresh list-patches --category security 2>/dev/null | awk -F ' *[|] *' 'NR > 2 { print $2 }' >"$work/advised" || :
		;;
	*)
		# Only there is known which version answers which advisory.
		"$manager" -q updateinfo list --security --available 2>/dev/null | awk '{ name = $NF; sub(/\.[^.]*$/, "", name); sub(/-[^-]*-[^-]*$/, "", name); print name }' >"$work/advised" || :
		;;
	esac
	waiting | while IFS="$tab" read -r name candidate origin; do
		old=$(installed "$name")
		security=no
		! grep -qxF -e "$name" "$work/advised" || security=yes
		printf '%s\t%s\t%s\t%s\t%s\n' "$name" "${old:--}" "$candidate" "$origin" "$security"
	done
}
tab=$(printf '\t')

held() {
	locks
}

hold_() {
	case $manager in zypper) zypper --non-interactive addlock "$1" >&2 ;; *) "$manager" -q versionlock add "$1" >&2 ;; esac ||
		fail "$manager cannot hold $1: for dnf the plug-in versionlock is needed"
}

lists_age() {
	:
}

versions() {
	rpm -qa --qf '%{NAME}.%{ARCH}\t%{VERSION}-%{RELEASE}\n'
}

broken() {
	:
}

repair() {
	:
}

upgrade() {
	case $manager in
	zypper)
		if [ "$apply" = security ]; then
			zypper --non-interactive patch --category security --with-interactive >&2 || { code_=$?; [ "$code_" = 102 ] || [ "$code_" = 103 ] || return "$code_"; }
		else
			zypper --non-interactive update "$@" >&2
		fi
		;;
	*)
		"$manager" -y -q upgrade --downloadonly "$@" >&2 || fail "the packages could not be fetched: nothing was changed"
		set -f
		for pattern in $exclude; do set -- "--exclude=$pattern" "$@"; done
		set +f
		"$manager" -y -q upgrade "$@" >&2
		;;
	esac
}

restarts() {
	! has needs-restarting || needs-restarting -s 2>/dev/null || :
}

reboot_reason() {
	case $manager in
	zypper) zypper needs-rebooting >/dev/null 2>&1 || [ $? != 102 ] || echo "says zypper needs-rebooting" ;;
	*)
		code=0
		"$manager" -q needs-restarting -r >"$work/reboot" 2>&1 || code=$?
		[ "$code" != 1 ] || ! grep -qi 'reboot' "$work/reboot" || echo "says needs-restarting"
		;;
	esac
}
