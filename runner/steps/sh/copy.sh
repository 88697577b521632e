if [ -L "$to" ]; then
	real=$(readlink -f -- "$to") || fail "$to is a link that leads nowhere"
	to=$real
fi
if [ -d "$to" ]; then fail "$to is a folder: name the file"; fi
if [ -e "$to" ] && [ ! -f "$to" ]; then fail "$to is there, and is no plain file"; fi
folder=$(dirname -- "$to")
[ -d "$folder" ] || fail "the folder $folder is not there"
[ -w "$folder" ] || fail "$(id -un) may not write in $folder"
new=$(mktemp "$folder/.rawat.XXXXXX") || fail "cannot write in $folder"
trap 'rm -f -- "$new"' EXIT
trap 'exit 129' HUP INT TERM

cat >"$new" || fail "could not write $new"
[ "$(sha256 <"$new")" = "$wanted" ] || fail "what arrived at $new is not what was sent"

# What is not said stays as it is; a new file belongs to who writes it.
if [ -e "$to" ]; then
	[ -n "$owner" ] || owner=$(stat -c %u -- "$to")
	[ -n "$group" ] || group=$(stat -c %g -- "$to")
	[ -n "$mode" ] || mode=$(stat -c %a -- "$to")
fi
if [ -n "$owner" ] && [ "$owner" != "$(stat -c %u -- "$new")" ] && [ "$owner" != "$(stat -c %U -- "$new")" ]; then
	chown -- "$owner" "$new" || fail "cannot give $to to $owner"
fi
if [ -n "$group" ] && [ "$group" != "$(stat -c %g -- "$new")" ] && [ "$group" != "$(stat -c %G -- "$new")" ]; then
	chgrp -- "$group" "$new" || fail "cannot give $to to the group $group"
fi
chmod -- "${mode:-0644}" "$new"

if [ -n "$validate" ]; then
	export new
	sh -c "$validate" >&2 || fail "the new content of $to was refused by: $shown"
fi
sync "$new" 2>/dev/null || :

if [ -n "$backup" ] && [ -e "$to" ]; then
	kept="$to.$(date -u +%Y%m%dT%H%M%SZ)~"
	[ ! -e "$kept" ] || kept="$kept$$"
	cp -p -- "$to" "$kept" || fail "cannot keep a copy of $to"
	say backup "$kept"
fi
mv -f -- "$new" "$to" || fail "cannot put $to in place"
if has restorecon; then restorecon "$to" 2>/dev/null || :; fi
say path "$to"
