# What waits, what of it is wanted, and where it was asked for, the upgrade, with versions before and after.
excluded() {
	set -f
	for pattern in $exclude; do
		# Patterns such as linux-* are meant to match.
		# shellcheck disable=SC2254
		case $1 in $pattern) set +f; return 0 ;; esac
	done
	set +f
	return 1
}

reboot_said() {
	reason=$(reboot_reason)
	if [ -n "$reason" ]; then say reboot "$reason"; fi
}

if [ "$apply" != list ]; then
	[ "$(id -u)" = 0 ] || fail "packages are changed by root only: say become: root"
	repair
	for name in $hold; do hold_ "$name"; done
fi
[ "$refresh" = no ] || refresh_lists
lists_age
pending >"$work/pending"
held >"$work/held"
sed 's/^/rawat:held=/' "$work/held"

: >"$work/chosen"
tab=$(printf '\t')
while IFS="$tab" read -r name installed_ candidate origin security; do
	why=
	if grep -qxF -e "$name" "$work/held"; then
		why=held
	elif excluded "$name"; then
		why=excluded
	elif [ "$apply" = security ] && [ "$security" != yes ]; then
		why="not a security update"
	elif [ "$installed_" = - ]; then
		why=new
	else
		echo "$name" >>"$work/chosen"
	fi
	printf 'rawat:pending=%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$installed_" "$candidate" "$origin" "$security" "$why"
done <"$work/pending"

if [ "$apply" != list ] && [ -s "$work/chosen" ]; then
	versions | sort >"$work/before"
	touch "$work/since"
	code=0
	upgrade $(cat "$work/chosen") || code=$?
	versions | sort >"$work/after"
	awk -F '\t' 'NR == FNR { was[$1] = $2; next }
		!($1 in was) { print "rawat:new=" $1 "\t" $2; next }
		was[$1] != $2 { print "rawat:upgraded=" $1 "\t" was[$1] "\t" $2 }' "$work/before" "$work/after"
	awk -F '\t' 'NR == FNR { now[$1] = 1; next } !($1 in now) { print "rawat:removed=" $1 "\t" $2 }' "$work/after" "$work/before"
	# By the time of the change of the file's entry: its own time is that of the package.
	find /etc -xdev -cnewer "$work/since" \( -name '*.dpkg-dist' -o -name '*.dpkg-new' -o -name '*.ucf-dist' -o -name '*.rpmnew' \) \
		-print 2>/dev/null | sed 's/^/rawat:conffile=/' || :
	broken | sed 's/^/rawat:broken=/'
	restarts | sort -u | sed 's/^/rawat:restart=/'
	reboot_said
	[ "$code" = 0 ] || fail "the upgrade ended with $code$(broken | awk 'END { if (NR) printf ": %d packages are left half-configured", NR }')"
	[ -z "$(broken)" ] || fail "packages are left half-configured: $(broken | tr '\n' ' ')"
else
	broken | sed 's/^/rawat:broken=/'
	reboot_said
fi
