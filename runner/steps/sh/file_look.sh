if [ -L "$path" ]; then
	say type link
	say target "$(readlink -- "$path")"
elif [ -d "$path" ]; then
	say type directory
elif [ -f "$path" ]; then
	say type file
elif [ -e "$path" ]; then
	say type other
else
	say type absent
fi
if [ -e "$path" ] || [ -L "$path" ]; then
	say mode "$(stat -c %a -- "$path")"
	say owner "$(stat -c %U -- "$path")"
	say group "$(stat -c %G -- "$path")"
	say uid "$(stat -c %u -- "$path")"
	say gid "$(stat -c %g -- "$path")"
fi
