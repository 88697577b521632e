if [ -L "$to" ]; then
	real=$(readlink -f -- "$to") || fail "$to is a link that leads nowhere"
	to=$real
fi
if [ -d "$to" ]; then fail "$to is a folder: name the file"; fi
if [ -e "$to" ]; then
	[ -f "$to" ] || fail "$to is not a plain file"
	[ -r "$to" ] || fail "$to cannot be read by $(id -un)"
	say sha256 "$(sha256 <"$to")"
	say mode "$(stat -c %a -- "$to")"
	say owner "$(stat -c %U -- "$to")"
	say group "$(stat -c %G -- "$to")"
	say uid "$(stat -c %u -- "$to")"
	say gid "$(stat -c %g -- "$to")"
	say exists yes
else
	say exists no
fi
