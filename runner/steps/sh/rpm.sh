# The program that installs: dnf, or yum where it is older, or zypper.
case $manager in
zypper) manager=zypper ;;
*) if has dnf; then manager=dnf; else manager=yum; fi ;;
esac
has "$manager" || fail "$manager is not on this host"
# We have waited already, as long as was allowed.
ZYPP_LOCK_TIMEOUT=10
export ZYPP_LOCK_TIMEOUT

dnf_() {
	"$manager" -y -q --setopt=exit_on_lock=True "$@"
}

zypper_() {
	zypper --non-interactive "$@"
}

lock_holder() {
	{
		process_in /run/zypp.pid /var/run/zypp.pid /run/yum.pid /var/run/yum.pid /run/dnf/*.pid \
			/var/lib/dnf/rpmdb_lock.pid /var/cache/dnf/*_lock.pid
		lock_on /var/lib/rpm/.rpm.lock /usr/lib/sysimage/rpm/.rpm.lock
	} | head -n 1
}

install_() {
	case $manager in
	zypper) zypper_ install --no-recommends "$@" ;;
	*) dnf_ install "$@" ;;
	esac
}

# What waits: name, version, repository. A note by exit code 100 is no failure.
waiting() {
	case $manager in
	zypper)
		zypper_ --quiet --no-refresh list-updates 2>/dev/null |
			awk -F ' *[|] *' '$1 ~ /^v/ { print $3 "\t" $5 "\t" $2 }'
		;;
	*)
		code_=0
		"$manager" -q check-update "$@" >"$work/updates" 2>"$work/said" || code_=$?
		case $code_ in
		0 | 100) ;;
		*) cat "$work/said" >&2; fail "$manager check-update ended with $code_" ;;
		esac
		awk '/^Obsoleting Packages/ { exit } NF == 3 { name = $1; sub(/\.[^.]*$/, "", name); print name "\t" $2 "\t" $3 }' "$work/updates"
		;;
	esac
}

installed() {
	rpm -q --qf '%{VERSION}-%{RELEASE}\n' "$1" 2>/dev/null | tail -n 1 | grep -v 'is not installed' || :
}

# The name without the architecture, of a package that is installed; locks know nothing else.
bare() {
	if rpm -q -- "$1" >/dev/null 2>&1; then rpm -q --qf '%{NAME}\n' -- "$1" | head -n 1; else echo "$1"; fi
}

locks() {
	case $manager in
	zypper) zypper_ --quiet locks 2>/dev/null | awk -F ' *[|] *' '$1 ~ /^[0-9]/ { print $2 }' ;;
	# The list of the plug-in versionlock; yum wrote the epoch first.
	*) cat /etc/dnf/plugins/versionlock.list /etc/yum/pluginconf.d/versionlock.list 2>/dev/null | sed -n 's/^\([^#!]*\)-[0-9]*:[^-]*-[^-]*$/\1/p;s/^[0-9]*:\([^#!]*\)-[^-]*-[^-]*$/\1/p' ;;
	esac
}

# Holds a package at the version that it has. What is not installed, versionlock would lock in every version that it knows,
# which holds nothing, and what it does not know at all it passes over without an error.
lock_() {
	case $manager in
	zypper) zypper_ addlock "$(bare "$1")" >&2 || fail "zypper cannot hold $1" ;;
	*)
		[ -n "$(installed "$1")" ] || fail "$1 is not installed: $manager holds a version that is there"
		"$manager" -q versionlock add "$(bare "$1")" >&2 || fail "$manager cannot hold $1: the plug-in versionlock is needed"
		locks | grep -qxF -e "$(bare "$1")" || fail "$manager did not hold $1"
		;;
	esac
}

refresh_lists() {
	case $manager in
	zypper) zypper_ refresh >&2 || fail "zypper refresh failed: the package lists are not fresh" ;;
	*) dnf_ makecache >&2 || fail "$manager makecache failed: the package lists are not fresh" ;;
	esac
}
work=$(mktemp -d "${TMPDIR:-/tmp}/rawat.XXXXXX") || fail "cannot write in ${TMPDIR:-/tmp}"
trap 'rm -rf -- "$work"' EXIT
trap 'exit 129' HUP INT TERM
