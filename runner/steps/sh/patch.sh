# What waits, what of it is wanted, and where it was asked for, the upgrade, with versions before and after.
tab=$(printf '\t')

excluded() {
	[ -n "$exclude" ] || return 1
	set -f
	for spelling in $(spellings "$1"); do
		for pattern in $exclude; do
			# Patterns such as linux-* are meant to match.
			# shellcheck disable=SC2254
			case $spelling in $pattern) set +f; return 0 ;; esac
		done
	done
	set +f
	return 1
}

# What moved between two lists of versions, and what became of the files in /etc.
moved() {
	comm -23 "$work/before" "$work/after" >"$work/gone"
	comm -13 "$work/before" "$work/after" >"$work/come"
	awk -F '\t' -v come="$work/come" 'FILENAME != come { was[$1] = $2; next }
		$1 in was { print "rawat:upgraded=" $1 "\t" was[$1] "\t" $2; delete was[$1]; next }
		{ print "rawat:new=" $1 "\t" $2 }
		END { for (name in was) print "rawat:removed=" name "\t" was[name] }' "$work/gone" "$work/come"
	# By the time of the change of the file's entry: its own time is that of the package.
	find /etc -xdev -cnewer "$work/since" \( -name '*.dpkg-dist' -o -name '*.dpkg-new' -o -name '*.ucf-dist' -o -name '*.rpmnew' -o -name '*.rpmsave' \) \
		-print 2>/dev/null | sed 's/^/rawat:conffile=/' || :
}

# Carries out what moves packages, between two looks at their versions.
carry_out() {
	free_lock
	versions | sort >"$work/before"
	remember
	touch "$work/since"
	code=0
	"$@" || code=$?
	versions | sort >"$work/after"
	moved
	forget
}

# The versions from before this run lie on the disk before anything moves: whatever ends us, there is a way back.
remember() {
	mkdir -p "${kept%/*}"
	find "${kept%/*}" -type f -mtime +90 -exec rm -f -- {} +
	[ -e "$kept" ] || : >"$kept"
	# What an earlier step of this run has moved is remembered as it was at first.
	awk -F '\t' -v kept="$kept" 'FILENAME == kept { known[$1] = 1; print; next } !($1 in known)' "$kept" "$work/before" >"$kept.new"
	sync "$kept.new" 2>/dev/null || sync
	mv "$kept.new" "$kept"
}

# Only what really has another version now is still to be put back.
forget() {
	differs "$work/after" >"$kept.new"
	sync "$kept.new" 2>/dev/null || sync
	mv "$kept.new" "$kept"
	[ -s "$kept" ] || rm -f "$kept"
}

# Of the versions from before this run, those that are not there any more, of packages that still are.
differs() {
	[ ! -e "$kept" ] || awk -F '\t' -v now="$1" 'FILENAME == now { there[$1] = 1; same[$0] = 1; next } ($1 in there) && !($0 in same)' "$1" "$kept"
}

# What was to be upgraded and is not, since the package manager left it out.
stayed() {
	awk -F '\t' -v come="$work/come" 'FILENAME == come {
			moved[$1] = 1
			sub(/[.:](all|noarch|amd64|arm64|armhf|armv7hl|i[3-6]86|x86_64|aarch64|ppc64(le|el)|s390x|riscv64)$/, "", $1)
			moved[$1] = 1
			next
		}
		!($1 in moved) { print "rawat:kept_back=" $1 }' "$work/come" "$work/chosen"
}

# What is left half-way, and what wants a restart or a reboot.
aftermath() {
	broken >"$work/broken"
	sed 's/^/rawat:broken=/' "$work/broken"
	say restart_looked "$([ "$(id -u)" = 0 ] && echo yes || echo no)"
	if [ "$apply" = list ]; then stale | sed 's/^/rawat:restart=/'; else restart_stale >"$work/restarts"; cat "$work/restarts"; fi
	reason=$(reboot_reason | head -n 1)
	case $reason in "") ;; "? "*) say reboot_doubt "${reason#"? "}" ;; *) say reboot "$reason" ;; esac
}

# Each package that waits, with why it is left and whether its version of now could be had again; what is wanted, in `chosen`.
choose() {
	pending >"$work/pending"
	held >"$work/held"
	sed 's/^/rawat:held=/' "$work/held"
	cut -f1 "$work/pending" >"$work/names"
	ways_back >"$work/back"
	: >"$work/chosen"
	: >"$work/words"
	while IFS="$tab" read -r name installed_ candidate origin security why hidden; do
		word=$name
		# The security version behind a newer one of another origin: what keeps that one back does not concern it.
		if [ "$apply" = security ] && [ "${hidden:--}" != - ]; then
			why=-
			word=$name=$hidden
		fi
		if grep -qxF -e "$name" "$work/held"; then
			why=held
		elif excluded "$name"; then
			why=excluded
		elif [ "$why" != - ]; then
			echo "rawat:kept_back=$name"
		elif [ "$apply" = security ] && [ "$security" != yes ] && [ "${hidden:--}" = - ]; then
			why="not a security update"
		elif [ "$installed_" = - ]; then
			why=new
		else
			why=
			echo "$name" >>"$work/chosen"
			echo "$word" >>"$work/words"
		fi
		back=no
		! grep -qxF -e "$name$tab$installed_" "$work/back" || back=yes
		printf 'rawat:pending=%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$installed_" "$candidate" "$origin" "$security" "$why" "$back" "${hidden:--}"
	done <"$work/pending"
}

# Every package at the version that it had: all of them, or none.
go_back() {
	versions >"$work/now"
	if [ "$whole_run" = yes ]; then
		differs "$work/now" >"$work/wanted"
	else
		printf '%s\n' "$versions_" | tr ' ' '\n' | tr '=' '\t' | sed '/^$/d' >"$work/wanted"
	fi
	cut -f1 "$work/wanted" >"$work/names"
	ways_back >"$work/back"
	: >"$work/chosen"
	gone=
	while IFS="$tab" read -r name version; do
		! grep -qxF -e "$name$tab$version" "$work/now" || continue
		if grep -qxF -e "$name$tab$version" "$work/back"; then
			printf '%s\t%s\n' "$name" "$version" >>"$work/chosen"
			printf 'rawat:goes_back=%s\t%s\n' "$name" "$version"
		else
			gone="$gone $name $version,"
			printf 'rawat:no_way_back=%s\t%s\n' "$name" "$version"
		fi
	done <"$work/wanted"
	[ -z "$gone" ] || fail "there is no way back: no repository and no cache of this host has${gone%,}; nothing was changed"
}

if [ "$apply" != list ] && [ "$dry" = no ]; then
	[ "$(id -u)" = 0 ] || fail "packages are changed by root only: say become: root"
	free_lock
	if [ "$apply" = back ]; then before_back; else repair; fi
	for name in $hold; do hold_ "$name"; done
fi
[ "$refresh" = no ] || { free_lock; refresh_lists; }
lists_age

code=0
if [ "$apply" = back ]; then
	go_back
	[ "$dry" = yes ] || [ ! -s "$work/chosen" ] || carry_out downgrade
else
	choose
	if [ "$apply" != list ] && [ -s "$work/chosen" ]; then
		carry_out upgrade $(cat "$work/words")
		stayed
	fi
fi
aftermath
[ "$code" = 0 ] || fail "the package manager ended with $code$(awk 'END { if (NR) printf ": %d packages are left half-configured", NR }' "$work/broken")"
[ "$apply" = list ] || [ ! -s "$work/broken" ] || fail "packages are left half-configured: $(tr '\n' ' ' <"$work/broken")"
[ ! -s "$work/restarts" ] || ! grep -q '^rawat:restart_failed=' "$work/restarts" ||
	fail "restarted, and not up: $(sed -n 's/^rawat:restart_failed=//p' "$work/restarts" | sort -u | tr '\n' ' ')"
