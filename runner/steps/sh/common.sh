set -eu
umask 077
LC_ALL=C
export LC_ALL
# What a login likes to see otherwise, or adds to a program's options.
unset BLOCK_SIZE DU_BLOCK_SIZE DF_BLOCK_SIZE LS_BLOCK_SIZE TAR_OPTIONS CDPATH
HOME=${HOME:-/}

# Why the script ends badly: the line that people see.
fail() {
	printf 'rawat: %s\n' "$*" >&2
	exit 1
}

# One answer: a key and a value, line breaks and backslashes escaped.
say() {
	printf 'rawat:%s=' "$1"
	printf '%s\n' "$2" | sed -e 's/\\/\\\\/g' -e '$!s/$/\\n/' | tr -d '\n'
	echo
}

# Whether a program is there.
has() {
	command -v "$1" >/dev/null 2>&1
}

sha256() {
	if has sha256sum; then
		sha256sum | cut -d' ' -f1
	elif has openssl; then
		openssl dgst -sha256 -r | cut -d' ' -f1
	else
		fail "neither sha256sum nor openssl is on this host"
	fi
}

# Whole seconds since boot where the system says so, else since 1970: for measuring, not for telling the time.
ticks() {
	echo "$(($(centis) / 100))"
}

# The same in hundredths.
centis() {
	if [ -r /proc/uptime ]; then
		read -r up _ </proc/uptime
		echo "$((${up%.*} * 100 + 1${up#*.} - 100))"
	else
		echo "$(($(date +%s) * 100))"
	fi
}

# Seconds with two decimals since a moment that `centis` gave.
since() {
	now=$(($(centis) - $1))
	printf '%d.%02d\n' "$((now / 100))" "$((now % 100))"
}
