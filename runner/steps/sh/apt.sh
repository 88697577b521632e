DEBIAN_FRONTEND=noninteractive
APT_LISTCHANGES_FRONTEND=none
NEEDRESTART_SUSPEND=1
UCF_FORCE_CONFFOLD=1
export DEBIAN_FRONTEND APT_LISTCHANGES_FRONTEND NEEDRESTART_SUSPEND UCF_FORCE_CONFFOLD

# Files of the administrator stay; nothing is ever removed on the way.
apt() {
	apt-get -q -y --no-remove -o "DPkg::Lock::Timeout=$lock_wait" -o APT::Update::Error-Mode=any \
		-o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 "$@"
}

# Names as apt-get writes them: with the architecture where it is another than the host's.
plain() {
	sed -e "s/:$(dpkg --print-architecture)\$//" -e 's/:all$//'
}

lock_holder() {
	lock_on /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/cache/apt/archives/lock /var/lib/apt/lists/lock
}

# name, wanted by dpkg (install, hold, ...), status, version; a line for each name that dpkg knows.
packages() {
	dpkg-query -W -f '${Package}\t${db:Status-Want}\t${db:Status-Status}\t${Version}\n' -- "$@" 2>/dev/null || :
}

refresh_lists() {
	code_=0
	refreshed=$(apt update 2>&1) || code_=$?
	printf '%s\n' "$refreshed" >&2
	# An apt that does not know Error-Mode yet goes on with the lists of before, and ends with 0.
	[ "$code_" = 0 ] && ! printf '%s\n' "$refreshed" | grep -qE '^W: (Failed to fetch|Some index files failed)' ||
		fail "apt-get update failed: the package lists are not fresh"
}
