# Waits while another program holds the package database, for `lock_wait` seconds at most; who it was and how long it took is told.
free_lock() {
	held_by=$(lock_holder)
	[ -n "$held_by" ] || return 0
	echo "$held_by holds the package database: waiting for up to $lock_wait s" >&2
	began_=$(centis)
	last=$held_by
	while [ -n "$held_by" ] && [ "$(($(centis) - began_))" -lt "$((lock_wait * 100))" ]; do
		sleep 1
		held_by=$(lock_holder)
		last=${held_by:-$last}
	done
	printf 'rawat:lock_wait=%s\t%s\n' "$((($(centis) - began_) * 10))" "$last"
	[ -z "$held_by" ] || fail "$held_by holds the package database, after $lock_wait s still: nothing was done"
}

# Who holds a lock on one of these files, by the kernel's own list; nothing where nobody does.
lock_on() {
	for file; do
		number=$(stat -c %i "$file" 2>/dev/null) || continue
		pid=$(awk -v number="$number" '$2 == "POSIX" { n = split($6, part, ":"); if (part[n] == number) { print $5; exit } }' /proc/locks 2>/dev/null) || pid=
		[ -z "$pid" ] || { process_named "$pid"; return 0; }
	done
}

# Whose number is in one of these files, where that process lives.
process_in() {
	for file; do
		pid=$(head -n 1 "$file" 2>/dev/null) || continue
		case $pid in '' | *[!0-9]*) continue ;; esac
		[ ! -d "/proc/$pid" ] || { process_named "$pid"; return 0; }
	done
}

process_named() {
	words=$(tr '\0\t\n' '   ' <"/proc/$1/cmdline" 2>/dev/null | cut -c1-60 | sed 's/ *$//') || words=
	echo "process $1${words:+ ($words)}"
}
