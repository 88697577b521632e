work=$(mktemp -d "${TMPDIR:-/tmp}/rawat.XXXXXX") || fail "cannot write in ${TMPDIR:-/tmp}"
trap 'rm -rf -- "$work"' EXIT
trap 'exit 129' HUP INT TERM
architecture=$(dpkg --print-architecture)

# What apt-get would do, and no lock is asked for. It writes a log of that, too, which is not to be the host's.
simulated() {
	apt-get -s -q -o Debug::NoLocking=true -o "Dir::Log=$work" "$@"
}

# name, installed (- for a new one), candidate, origin, security, of what it would install; the last field says why not, or -.
installs() {
	awk -v why="${1:--}" -v only="${2-}" '/^Inst / {
		line = $0
		name = $2
		if (only != "" && name != only) next
		old = "-"
		if (match(line, /\[[^]]*\] \(/)) old = substr(line, RSTART + 1, RLENGTH - 4)
		sub(/^[^(]*\(/, "", line)
		sub(/\).*/, "", line)
		candidate = line
		sub(/ .*/, "", candidate)
		sub(/^[^ ]* /, "", line)
		sub(/ \[[^]]*\]$/, "", line)
		print name "\t" old "\t" candidate "\t" line "\t" (line ~ /-[Ss]ecurity/ ? "yes" : "no") "\t" why
	}'
}

# Each row of what waits, with the security version that hides behind a newer one of another origin, or -.
pending() {
	waiting_ >"$work/rows"
	awk -F '\t' '$5 != "yes" && $2 != "-" { print $1 }' "$work/rows" >"$work/others"
	: >"$work/hidden"
	[ ! -s "$work/others" ] || hidden >"$work/hidden"
	awk -F '\t' -v hidden="$work/hidden" 'FILENAME == hidden { behind[$1] = $2; next }
		{ print $0 "\t" ($1 in behind ? behind[$1] : "-") }' "$work/hidden" "$work/rows"
}

# name, version: of the packages in `others`, the newest version of a security origin that is newer than the installed one.
# What a pin puts below 100 is never installed by itself, and nothing that is newer than apt's own candidate is taken.
hidden() {
	apt-cache policy >"$work/origins" 2>/dev/null || return 0
	apt-cache policy -- $(cat "$work/others") 2>/dev/null | awk -v origins="$work/origins" '
		function bare(line) { sub(/^ *-?[0-9]+ +/, "", line); return line }
		FILENAME == origins {
			if ($1 == "release") { if (/[,=][^,]*-[Ss]ecurity/) secure[source] = 1 } else source = bare($0)
			next
		}
		/^[^ ]/ { name = $1; sub(/:$/, "", name); over = 0; version = ""; next }
		/^  Candidate: / { candidate = $2; reached = 0; next }
		/^ \*\*\* / { over = 1 }
		over { next }
		/^     [^ ]/ { version = $1; allowed = ($2 + 0 >= 100); if (version == candidate) reached = 1; next }
		/^        / { if (reached && allowed && version != candidate && bare($0) in secure) { print name "\t" version; over = 1 } }' "$work/origins" -
}

# What an upgrade would bring, then what it would not, with the reason.
waiting_() {
	simulated --with-new-pkgs upgrade >"$work/simulated" 2>"$work/said" || {
		cat "$work/said" >&2
		fail "apt-get cannot say what would be upgraded"
	}
	installs <"$work/simulated"
	listed 'kept back' | while IFS= read -r name; do
		if simulated --ignore-hold install -- "$name" >"$work/alone" 2>/dev/null; then
			gone=$(awk '/^Remv / { printf "%s%s", sep, $2; sep = " " }' "$work/alone")
			installs "${gone:+would remove }${gone:-needs a decision of its own}" "$name" <"$work/alone"
		else
			installed_=$(dpkg-query -W -f '${Version}' -- "$name")
			candidate=$(apt-cache policy -- "$name" | sed -n 's/^  Candidate: //p')
			printf '%s\t%s\t%s\t-\tno\tits dependencies cannot be met\n' "$name" "$installed_" "$candidate"
		fi
	done
	listed 'deferred due to phasing' | while IFS= read -r name; do
		simulated install -- "$name" 2>/dev/null | installs "is given to hosts by and by (phased)" "$name"
	done
}

# Names below a heading of the simulation.
listed() {
	sed -n "/ $1:\$/,/^[^ ]/s/^  //p" "$work/simulated" | tr ' ' '\n' | sed '/^$/d'
}

# Which versions of the packages in `names` could be had: in the repositories, or from the cache.
ways_back() {
	[ -s "$work/names" ] || return 0
	{
		apt-cache madison -- $(sed 's/:.*//' "$work/names") 2>/dev/null | sed 's/^ *\([^ |]*\) *| *\([^ |]*\) .*/\1\t\2/'
		cached | cut -f1,2
	} | awk -F '\t' 'NR == FNR { bare = $1; sub(/:.*/, "", bare); names[bare] = names[bare] " " $1; next }
		{ n = split(names[$1], found, " "); for (i = 1; i <= n; i++) print found[i] "\t" $2 }' "$work/names" -
}

# name, version, path of what the cache holds; a colon in a version stands as %3a in the name of a file.
cached() {
	for file in /var/cache/apt/archives/*_*_*.deb; do
		[ ! -e "$file" ] || printf '%s\n' "$file"
	done | sed 's|^.*/\([^/_]*\)_\([^/_]*\)_[^/_]*$|\1\t\2\t&|' | awk -F '\t' '{ gsub(/%3a/, ":", $2); print $1 "\t" $2 "\t" $3 }'
}

# The words for apt-get that bring back what is in `chosen`.
downgrade() {
	words=
	while IFS="$tab" read -r name version; do
		if apt-cache madison -- "${name%%:*}" 2>/dev/null | cut -d '|' -f2 | tr -d ' ' | grep -qxF -e "$version"; then
			words="$words $name=$version"
		else
			words="$words $(cached | awk -F '\t' -v name="${name%%:*}" -v version="$version" '$1 == name && $2 == version { print $3; exit }')"
		fi
	done <"$work/chosen"
	plan=$(simulated --allow-downgrades --allow-change-held-packages install -- $words) || fail "apt-get cannot go back to these together:$words; nothing was changed"
	unasked "$plan" "going back"
	apt-mark showauto -- $(cut -f1 "$work/chosen") >"$work/auto"
	# apt-get takes the hold from what it puts back.
	apt-mark showhold -- $(cut -f1 "$work/chosen") >"$work/held"
	apt -d --allow-downgrades --allow-change-held-packages install -- $words >&2 || fail "the packages could not be fetched: nothing was changed"
	code_=0
	apt --allow-downgrades --allow-change-held-packages install -- $words >&2 || code_=$?
	[ ! -s "$work/held" ] || apt-mark hold -- $(cat "$work/held") >&2 || code_=$?
	[ ! -s "$work/auto" ] || apt-mark auto -- $(cat "$work/auto") >/dev/null || :
	return "$code_"
}

held() {
	dpkg-query -W -f '${db:Status-Want} ${Package}:${Architecture}\n' | sed -n 's/^hold //p' | plain
}

# The names under which people know a package: libc6 is libc6:amd64 too, and libc6:i386 is one that libc6 means.
spellings() {
	case $1 in
	*:*) echo "$1 ${1%%:*}" ;;
	*) echo "$1 $1:$architecture $1:all" ;;
	esac
}

hold_() {
	apt-mark hold -- "$1" >&2 || fail "cannot hold $1"
}

# Of the newest of the package lists. Where there is none, apt knows of no update at all, and "none waits" would be a guess.
lists_age() {
	lists=/var/lib/apt/lists
	eval "$(apt-config shell lists Dir::State::lists/d)"
	newest=$(find "$lists" -maxdepth 1 ! -type d -name '*Packages*' -printf '%T@\n' 2>/dev/null | sort -n | tail -n 1)
	if [ -z "$newest" ] && [ "$apply" != back ]; then
		[ "$apply,$without_lists" = list,pass ] ||
			fail "this host has no package lists: nobody can say which updates wait. Fetch them: apt-get update as root, or refresh: true"
		say no_lists yes
	fi
	[ -z "$newest" ] || say lists_age "$(($(date +%s) - ${newest%.*}))"
}

versions() {
	dpkg-query -W -f '${binary:Package}\t${Version}\t${db:Status-Status}\n' | awk -F '\t' '$3 != "not-installed" && $3 != "config-files" { print $1 "\t" $2 }'
}

broken() {
	dpkg-query -W -f '${db:Status-Status}\t${binary:Package}\n' | awk -F '\t' '$1 != "installed" && $1 != "config-files" && $1 != "not-installed" { print $2 " (" $1 ")" }'
}

# Going back is itself what mends a package that an upgrade left half-way.
before_back() {
	# A dpkg that was killed leaves a journal, and apt-get does nothing until dpkg has opened its database once more.
	dpkg --set-selections </dev/null >&2 || fail "dpkg cannot open its database"
}

# Packages that an earlier upgrade left half-way would stop this one too.
repair() {
	was=$(broken)
	[ -n "$was" ] || return 0
	printf '%s\n' "$was" | sed 's/^/rawat:repaired=/'
	dpkg --force-confdef --force-confold --configure -a >&2 || fail "half-configured packages could not be repaired: $(echo "$was" | tr '\n' ' ')"
	[ -z "$(broken)" ] || fail "half-configured packages could not be repaired: $(broken | tr '\n' ' ')"
}

# Nothing goes that nobody named, and nothing comes that was to be left.
unasked() {
	for name in $(printf '%s\n' "$1" | awk '/^Remv / { print $2 }'); do fail "$2 would remove $name: nothing was done"; done
	for name in $(printf '%s\n' "$1" | awk '/^Inst / { print $2 }'); do
		! excluded "$name" || fail "$2 needs $name, which is excluded: nothing was done"
	done
}

upgrade() {
	plan=$(simulated install --only-upgrade -- "$@") || fail "apt-get cannot upgrade these together: $*"
	unasked "$plan" "the upgrade"
	# What came as a dependency stays one, though it is named here.
	apt-mark showauto -- $(cat "$work/chosen") >"$work/auto"
	apt -d install --only-upgrade -- "$@" >&2 || fail "the packages could not be fetched: nothing was changed"
	code_=0
	apt install --only-upgrade -- "$@" >&2 || code_=$?
	[ ! -s "$work/auto" ] || apt-mark auto -- $(cat "$work/auto") >/dev/null || :
	return "$code_"
}
