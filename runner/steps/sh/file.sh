case $state in directory | file)
	if [ -L "$path" ] && [ ! -e "$path" ]; then fail "$path is a link that leads nowhere"; fi
	;;
esac
case $state in
directory)
	if [ -e "$path" ] && [ ! -d "$path" ]; then fail "$path is there, and is no folder"; fi
	[ -d "$path" ] || (umask 022 && mkdir -p ${mode:+-m "$mode"} -- "$path") || fail "cannot make $path"
	;;
file)
	if [ -e "$path" ] && [ ! -f "$path" ]; then fail "$path is there, and is no plain file"; fi
	[ -e "$path" ] || (umask 022 && [ -z "$mode" ] || umask 077 && : >>"$path") || fail "cannot make $path"
	;;
link)
	if [ -L "$path" ]; then
		[ "$(readlink -- "$path")" = "$target" ] || {
			ln -s -- "$target" "$path.rawat.$$" && mv -fT -- "$path.rawat.$$" "$path"
		} || fail "cannot point $path at $target"
	else
		[ ! -e "$path" ] || fail "$path is there, and is no link: remove it first"
		ln -s -- "$target" "$path" || fail "cannot make the link $path"
	fi
	;;
absent)
	# Where the folder above is a link, what counts is where it leads.
	if [ -e "$path" ] || [ -L "$path" ]; then
		above=$(cd -P -- "$(dirname -- "$path")" && pwd -P) || fail "cannot look into the folder of $path"
		real=$above/$(basename -- "$path")
		[ "$above" != / ] || fail "$real is part of the system: it is not removed"
		if [ -d "$real" ] && [ ! -L "$real" ]; then
			case $above in /home | /usr | /usr/* | /var | /var/lib/dpkg | /boot | /dev | /proc | /sys)
				case $real in /usr/local/*/* | /usr/local/*/*/*) ;; *) fail "$real is part of the system: it is not removed" ;; esac
				;;
			esac
		fi
		if [ ! -L "$real" ] && { [ -b "$real" ] || [ -c "$real" ]; }; then fail "$real is a device: it is not removed"; fi
		[ "$real" != "$HOME" ] || fail "$real is the home of $(id -un): it is not removed"
		if [ -d "$real" ] && [ ! -L "$real" ]; then
			[ "$(stat -c %d -- "$real")" = "$(stat -c %d -- "$above")" ] || fail "$real is a mount point: it is not removed"
		fi
		rm -rf -- "$real" || fail "cannot remove $real"
	fi
	;;
esac
if [ "$state" != absent ]; then
	no_follow=
	[ "$state" != link ] || no_follow=-h
	[ -z "$owner" ] || chown $no_follow -- "$owner" "$path" || fail "cannot give $path to $owner"
	[ -z "$group" ] || chgrp $no_follow -- "$group" "$path" || fail "cannot give $path to the group $group"
	[ -z "$mode" ] || [ "$state" = link ] || chmod -- "$mode" "$path" || fail "cannot set the mode of $path"
fi
