# name, installed, candidate, origin, security, why not (or -); what is locked or excluded by the host's own settings comes too.
pending() {
	advised >"$work/advised"
	waiting >"$work/waiting"
	cut -f1 "$work/waiting" | sort -u >"$work/free"
	{ cat "$work/waiting"; locked_waiting; } | awk '!seen[$0]++' | while IFS="$tab" read -r name candidate origin; do
		old=$(installed "$name")
		security=no
		! grep -qxF -e "$name" "$work/advised" || security=yes
		why=-
		grep -qxF -e "$name" "$work/free" || why="left out by the settings of $manager"
		printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "${old:--}" "$candidate" "${origin:--}" "$security" "$why"
	done
}

# Names of packages that an advisory for security asks to be newer.
advised() {
	case $manager in
	zypper)
		zypper_ --quiet --no-refresh list-patches --category security 2>/dev/null | awk -F ' *[|] *' '$3 == "security" { print $2 }' |
			while IFS= read -r advisory; do
				zypper_ --quiet --no-refresh info -t patch "$advisory" 2>/dev/null
			done | sed -n 's/^\(Conflicts *: *\| \{4,\}\)\(srcpackage:\)\{0,1\}\([^ :<]*\) < .*/\3/p' | sed 's/\.\(noarch\|x86_64\|aarch64\|i[3-6]86\|s390x\|ppc64le\)$//'
		;;
	*)
		# Only there is known which version answers which advisory.
		"$manager" -q updateinfo list --security --available 2>/dev/null | awk '{ name = $NF; sub(/\.[^.]*$/, "", name); sub(/-[^-]*-[^-]*$/, "", name); print name }'
		;;
	esac
}

# The same as `waiting` for what the host's own settings hide.
locked_waiting() {
	case $manager in
	zypper)
		locks | while IFS= read -r name; do
			old=$(installed "$name")
			[ -n "$old" ] || continue
			zypper_ --quiet --no-refresh search -s -t package --match-exact "$name" 2>/dev/null |
				awk -F ' *[|] *' -v old="$old" -v name="$name" '$1 ~ /^v/ && $2 == name { print name "\t" $4 "\t" $6 }' | sort -t "$tab" -k 2,2Vr | head -n 1
		done
		;;
	*)
		[ -n "$(locks)" ] || grep -qsE '^ *exclude(pkgs)? *=' /etc/dnf/dnf.conf /etc/yum.conf /etc/yum.repos.d/*.repo || return 0
		(waiting --disableexcludes=all --disableplugin=versionlock) 2>/dev/null || :
		;;
	esac
}

held() {
	locks
}

# The names under which people know a package: each one that is installed with its architecture, too.
spellings() {
	echo "$1"
	case $exclude in *.*) rpm -q --qf '%{NAME}.%{ARCH}\n' "$1" 2>/dev/null | grep -v 'is not installed' || : ;; esac
}

hold_() {
	lock_ "$1"
}

lists_age() {
	:
}

versions() {
	rpm -qa --qf '%{NAME}.%{ARCH}\t%{VERSION}-%{RELEASE}\n'
}

# Which versions of the packages in `names` (with the architecture or without) could be had from the repositories.
ways_back() {
	[ -s "$work/names" ] || return 0
	case $manager in
	zypper)
		sed 's/\.[^.]*$//' "$work/names" | cat - "$work/names" | sort -u >"$work/bare"
		zypper_ --quiet --no-refresh search -s -t package --match-exact $(cat "$work/bare") 2>/dev/null |
			awk -F ' *[|] *' '$3 == "package" && $6 !~ /^\(/ { print $2 "\t" $4; print $2 "." $5 "\t" $4 }'
		;;
	*)
		"$manager" -q --disableplugin=versionlock repoquery --qf '%{name}\t%{version}-%{release}\n%{name}.%{arch}\t%{version}-%{release}' $(cat "$work/names") 2>/dev/null |
			sed 's/\\t/'"$tab"'/' || :
		;;
	esac
}

# A transaction that was cut off leaves a package in two versions; only kernels are meant to be so.
doubles() {
	rpm -qa --qf '%{NAME}.%{ARCH}\n' | grep -Ev '^(kernel|gpg-pubkey|installonlypkg)' | sort | uniq -d
}

broken() {
	doubles | sed 's/$/ (in two versions)/'
}

# A transaction that was cut off is ended first.
before_back() {
	repair
}

repair() {
	was=$(doubles)
	[ -n "$was" ] || return 0
	printf '%s\n' "$was" | sed 's/$/ (in two versions)/;s/^/rawat:repaired=/'
	case $manager in
	zypper) zypper_ install --no-recommends --force $was >&2 ;;
	*) dnf_ remove --duplicates >&2 ;;
	esac || fail "packages in two versions could not be repaired: $(echo "$was" | tr '\n' ' ')"
	[ -z "$(doubles)" ] || fail "packages in two versions could not be repaired: $(doubles | tr '\n' ' ')"
}

upgrade() {
	case $manager in
	zypper) zypper_all update --no-recommends "$@" ;;
	*)
		set -f
		for pattern in $exclude; do set -- "--exclude=$pattern" "$@"; done
		set +f
		# What another package would take the place of stays: nobody asked for its removal.
		dnf_ --setopt=obsoletes=False upgrade --downloadonly "$@" >&2 || fail "the packages could not be fetched: nothing was changed"
		dnf_ --setopt=obsoletes=False upgrade "$@" >&2
		;;
	esac
}

downgrade() {
	case $manager in
	zypper)
		# A lock keeps from going back too: it is taken away for that long.
		locks >"$work/held"
		for name in $(cut -f1 "$work/chosen" | sed 's/\.[^.]*$//'); do
			! grep -qxF -e "$name" "$work/held" || { zypper_ removelock "$name" >&2 && echo "$name" >>"$work/unlocked"; }
		done
		trap 'relock; rm -rf -- "$work"' EXIT
		code_=0
		zypper_all install --no-recommends --oldpackage $(tr '\t' '=' <"$work/chosen") || code_=$?
		relock
		return "$code_"
		;;
	*)
		words=$(sed 's/^\(.*\)\.\([^.]*\)'"$tab"'\(.*\)$/\1-\3.\2/' "$work/chosen")
		# A lock keeps from upgrades; going back was asked for.
		dnf_ --disableplugin=versionlock downgrade --downloadonly $words >&2 || fail "the packages could not be fetched: nothing was changed"
		dnf_ --disableplugin=versionlock downgrade $words >&2
		;;
	esac
}

relock() {
	[ ! -s "$work/unlocked" ] || zypper_ addlock $(cat "$work/unlocked") >&2 || return
	rm -f "$work/unlocked"
}

# zypper, after a look at what it would do: nothing goes that nobody named, and nothing comes that was to be left.
zypper_all() {
	verb=$1
	shift
	zypper_ --xmlout "$verb" --dry-run "$@" >"$work/plan" 2>&1 || { sed 's/<[^>]*>//g' "$work/plan" >&2; fail "zypper cannot do this: nothing was changed"; }
	tr '>' '\n' <"$work/plan" | awk '/<to-[a-z-]*/ { group = $1; sub(/.*</, "", group) }
		/<solvable / { name = arch = $0; sub(/.* name="/, "", name); sub(/".*/, "", name); sub(/.* arch="/, "", arch); sub(/".*/, "", arch)
			if ($0 ~ /type="package"/) print group "\t" name "\t" arch }' >"$work/moves"
	while IFS="$tab" read -r group name arch; do
		case $group in
		to-remove) grep -q "^to-upgrade$tab$name$tab" "$work/moves" || fail "it would remove $name: nothing was done" ;;
		*) ! excluded "$name" && ! excluded "$name.$arch" || fail "it needs $name, which is excluded: nothing was done" ;;
		esac
	done <"$work/moves"
	zypper_ "$verb" --download-only "$@" >&2 || fail "the packages could not be fetched: nothing was changed"
	again=0
	zypper_ "$verb" "$@" >&2 || again=$?
	# 102: a reboot is needed. 103: zypper itself was renewed, and the rest is still to come.
	[ "$again" != 103 ] || { again=0; zypper_ "$verb" "$@" >&2 || again=$?; }
	[ "$again" = 102 ] || return "$again"
}
