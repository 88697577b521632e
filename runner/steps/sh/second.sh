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
	# What a killed attempt left there. Nobody else is at work in a file that was not written for a day.
	there "find $second_path -maxdepth 1 -type f -name .rawat-$stem-\\* -mtime +0 -exec rm -f -- {} +" </dev/null || :
}

# Whether the name is free there; it is taken then.
second_take() {
	[ -n "$second_path" ] || return 0
	# Taken first, looked for then: between the two nobody can bring a copy of that name.
	set -- "$second_path/$name" "$second_path/.rawat-$name"
	second_held=$(there "set -C; if ! true >$2; then echo no; elif test -e $1; then rm -f $2; echo no; else echo yes; fi" </dev/null 2>"$pipes/taken") || second_held=
	case $second_held in
	yes) return 0 ;;
	no) second_held= && return 1 ;;
	*) fail "the second place $(second_name) gives no answer: $(tail -n 1 "$pipes/taken")" ;;
	esac
}

# What has arrived and has no name yet goes.
second_clear() {
	second_held=
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
	second_held=
	say second "$(second_name)/$name"
	say second_sha256 "$arrived"
	[ -n "$second_host" ] || [ "$(df -P -- "$to" | awk 'NR == 2 { print $1 }')" != "$(df -P -- "$second_path" | awk 'NR == 2 { print $1 }')" ] ||
		say second_same_disk true
}

# What was proven there, a line of JSON each.
second_proven() {
	[ -z "$second_path" ] || there "cat $second_path/$stem-*.proven 2>/dev/null; true" </dev/null
}

# $1 and what belongs to it, where it is what has the digest $2: another host may have a copy of that name there.
second_remove() {
	[ -n "$second_path" ] || return 0
	set -- "$second_path/$1" "$2"
	there "if test ! -e $1.json || grep -q $2 $1.json; then rm -f $1 $1.proven $1.globals && rm -f $1.json; fi" </dev/null ||
		echo "$1 could not be removed from $(second_name)" >&2
}
