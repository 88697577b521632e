work=$(mktemp -d "${TMPDIR:-/tmp}/rawat.XXXXXX") || fail "cannot write in ${TMPDIR:-/tmp}"
trap 'rm -rf -- "$work"' EXIT
trap 'exit 129' HUP INT TERM

# name, installed (- for a new one), candidate, origin, security; nothing is changed, and no lock is asked for.
pending() {
	apt-get -s -q -o Debug::NoLocking=true --with-new-pkgs upgrade >"$work/simulated" 2>"$work/said" || {
		cat "$work/said" >&2
		fail "apt-get cannot say what would be upgraded"
	}
	awk '/^Inst / {
		line = $0
		name = $2
		old = "-"
		if (match(line, /\[[^]]*\] \(/)) old = substr(line, RSTART + 1, RLENGTH - 4)
		sub(/^[^(]*\(/, "", line)
		sub(/\).*/, "", line)
		candidate = line
		sub(/ .*/, "", candidate)
		sub(/^[^ ]* /, "", line)
		sub(/ \[[^]]*\]$/, "", line)
		print name "\t" old "\t" candidate "\t" line "\t" (line ~ /-[Ss]ecurity/ ? "yes" : "no")
	}' "$work/simulated"
	sed -n '/^The following packages have been kept back/,/^[^ ]/s/^  //p' "$work/simulated" | tr ' ' '\n' | sed -e '/^$/d' -e 's/^/rawat:kept_back=/' >&3
}

held() {
	dpkg-query -W -f '${db:Status-Want} ${Package}\n' | sed -n 's/^hold //p'
}

hold_() {
	apt-mark hold -- "$1" >&2 || fail "cannot hold $1"
}

lists_age() {
	newest=$(find /var/lib/apt/lists -maxdepth 1 -type f -name '*Packages*' -printf '%T@\n' 2>/dev/null | sort -n | tail -n 1)
	[ -z "$newest" ] || say lists_age "$(($(date +%s) - ${newest%.*}))"
}

versions() {
	dpkg-query -W -f '${binary:Package}\t${Version}\t${db:Status-Status}\n' | awk -F '\t' '$3 != "not-installed" && $3 != "config-files" { print $1 "\t" $2 }'
}

broken() {
	dpkg-query -W -f '${db:Status-Status}\t${binary:Package}\n' | awk -F '\t' '$1 != "installed" && $1 != "config-files" && $1 != "not-installed" { print $2 " (" $1 ")" }'
}

# Packages that an earlier upgrade left half-way would stop this one too.
repair() {
	was=$(broken)
	[ -n "$was" ] || return 0
	printf '%s\n' "$was" | sed 's/^/rawat:repaired=/'
	dpkg --force-confdef --force-confold --configure -a >&2 || fail "half-configured packages could not be repaired: $(echo "$was" | tr '\n' ' ')"
	[ -z "$(broken)" ] || fail "half-configured packages could not be repaired: $(broken | tr '\n' ' ')"
}

upgrade() {
	plan=$(apt-get -s -q install --only-upgrade -- "$@") || fail "apt-get cannot upgrade these together: $*"
	for name in $(printf '%s\n' "$plan" | awk '/^Remv / { print $2 }'); do fail "the upgrade would remove $name: nothing was done"; done
	for name in $(printf '%s\n' "$plan" | awk '/^Inst / { print $2 }'); do
		! excluded "$name" || fail "the upgrade needs $name, which is excluded: nothing was done"
	done
	# What came as a dependency stays one, though it is named here.
	apt-mark showauto -- "$@" >"$work/auto"
	apt -d install --only-upgrade -- "$@" >&2 || fail "the packages could not be fetched: nothing was changed"
	code_=0
	apt install --only-upgrade -- "$@" >&2 || code_=$?
	[ ! -s "$work/auto" ] || apt-mark auto -- $(cat "$work/auto") >/dev/null || :
	return "$code_"
}

restarts() {
	! has needrestart || NEEDRESTART_SUSPEND='' needrestart -b -r l 2>/dev/null | sed -n 's/^NEEDRESTART-SVC: //p'
}

reboot_reason() {
	if [ -e /run/reboot-required ] || [ -e /var/run/reboot-required ]; then
		echo "asked for by $(sort -u /run/reboot-required.pkgs 2>/dev/null | tr '\n' ' ' | sed 's/ $//;s/^$/a package/')"
	elif [ -e "/boot/vmlinuz-$(uname -r)" ]; then
		newest=$(ls -1 /boot/vmlinuz-* | sort -V | tail -n 1)
		[ "$newest" = "/boot/vmlinuz-$(uname -r)" ] || echo "kernel ${newest#/boot/vmlinuz-} is installed, $(uname -r) runs"
	fi
}
exec 3>&1
