state_of() {
	[ "$state" != latest ] || waiting $names >"$work/waiting"
	case $state in held | unheld) locks >"$work/locks" ;; *) : >"$work/locks" ;; esac
	for name in $names; do
		version_=$(installed "$name")
		candidate=
		if [ "$state" = latest ]; then
			candidate=$(awk -F '\t' -v name="$name" '$1 == name { sub(/^[0-9]*:/, "", $2); print $2; exit }' "$work/waiting")
			candidate=${candidate:-$version_}
		fi
		hold=no
		! grep -qxF -e "$(bare "$name")" "$work/locks" || hold=yes
		status=
		[ -z "$version_" ] || status=installed
		printf 'rawat:%s=%s\t%s\t%s\t%s\t%s\n' "$1" "$name" "$status" "$version_" "$candidate" "$hold"
	done
}

put() {
	case $state in
	present | latest)
		words=
		upgrade=
		for name in $names; do
			if [ -n "$version" ]; then
				case $manager in zypper) words="$words --oldpackage $name=$version" ;; *) words="$words $name-$version" ;; esac
			elif [ -z "$(installed "$name")" ]; then
				words="$words $name"
			elif [ "$state" = latest ]; then
				upgrade="$upgrade $name"
			fi
		done
		[ -z "$words" ] || install_ $words >&2 || fail "$manager install ended with $?"
		if [ -n "$upgrade" ]; then
			case $manager in
			zypper) zypper_ update $upgrade >&2 ;;
			*) dnf_ upgrade $upgrade >&2 ;;
			esac || fail "$manager upgrade ended with $?"
		fi
		;;
	absent)
		there=
		for name in $names; do [ -z "$(installed "$name")" ] || there="$there $name"; done
		if [ -n "$there" ]; then
			rpm -e --test $there >&2 || fail "others need what would be removed"
			case $manager in
			zypper) zypper_ remove $there >&2 ;;
			*) dnf_ --setopt=clean_requirements_on_remove=False remove $there >&2 ;;
			esac || fail "$manager remove ended with $?"
		fi
		;;
	held)
		for name in $names; do lock_ "$name"; done
		;;
	unheld)
		locked=
		for name in $names; do locked="$locked $(bare "$name")"; done
		case $manager in zypper) zypper_ removelock $locked >&2 ;; *) "$manager" -q versionlock delete $locked >&2 ;; esac ||
			fail "$manager cannot release packages"
		;;
	esac
}
