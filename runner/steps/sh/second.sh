# A second place for the copy: a folder that is there (mounted), or one on another host, by SSH with checked host keys.
# Its path holds no character that a shell could misread.
over_ssh() {
	set -- -T -x -o BatchMode=yes -o StrictHostKeyChecking=yes -o ConnectTimeout=15 -o ServerAliveInterval=15 -- "$second_host" "$1"
	[ -z "$second_user" ] || set -- -l "$second_user" "$@"
	[ -z "$second_port" ] || set -- -p "$second_port" "$@"
	[ -z "$second_identity" ] || set -- -i "$second_identity" -o IdentitiesOnly=yes "$@"
	[ -z "$second_known_hosts" ] || set -- -o UserKnownHostsFile="$second_known_hosts" -o GlobalKnownHostsFile=/dev/null "$@"
	ssh "$@"
}

there() {
	if [ -n "$second_host" ]; then
		over_ssh "exec sh -c '$1'"
	else
		sh -c "$1"
	fi
}

second_name() {
	[ -z "$second_host" ] || printf '%s:' "$second_host"
	printf '%s' "$second_path"
}

second_ready() {
	[ -n "$second_path" ] || return 0
	second_room=$(there "test -d $second_path && test -w $second_path && df -Pk $second_path" </dev/null) ||
		fail "the second place $(second_name) cannot be reached, is no folder, or may not be written in: nothing was started"
	second_room=$(printf '%s\n' "$second_room" | awk 'NR == 2 { printf "%.0f", $4 * 1024 }')
	[ "$second_room" -ge "$1" ] ||
		fail "expected at least $1 bytes free in $(second_name) for $shown, found $second_room: nothing was started"
}

# What has arrived and has no name yet goes.
second_clear() {
	there "rm -f $second_path/.rawat-$name $second_path/.rawat-$name.json $second_path/.rawat-$name.globals" </dev/null || :
}

# One file under a hidden name; its digest is made there, by reading what has arrived.
put_there() {
	arrived=$(there "umask 077; cat >$second_path/.rawat-$2 && { sync $second_path/.rawat-$2 2>/dev/null || sync; } && sha256sum <$second_path/.rawat-$2" <"$1") || arrived=
	arrived=${arrived%% *}
	[ "$arrived" = "$(sha256 <"$1")" ] || {
		second_clear
		fail "the copy is in $to/$name, but what arrived in the second place $(second_name) is not the same (found sha256 ${arrived:-none})"
	}
}

second_copy() {
	[ -n "$second_path" ] || return 0
	set -- "$name"
	[ -z "$globals_digest" ] || set -- "$name.globals" "$@"
	moves=
	for file in "$name.json" "$@"; do
		put_there "$to/$file" "$file"
		moves="$moves${moves:+ && }mv $second_path/.rawat-$file $second_path/$file"
	done
	there "$moves" </dev/null || {
		second_clear
		fail "the copy is in $to/$name, but could not be put in place in $(second_name)"
	}
	say second "$(second_name)/$name"
	say second_sha256 "$arrived"
	[ -n "$second_host" ] || [ "$(df -P -- "$to" | awk 'NR == 2 { print $1 }')" != "$(df -P -- "$second_path" | awk 'NR == 2 { print $1 }')" ] ||
		say second_same_disk true
}

second_remove() {
	[ -n "$second_path" ] || return 0
	there "rm -f $second_path/$1 $second_path/$1.json $second_path/$1.globals" </dev/null || echo "$1 could not be removed from $(second_name)" >&2
}
