# A link that leads to what is wanted is as good as that.
follow=
case $state in
directory) [ ! -d "$path" ] || follow=-L ;;
file) [ ! -f "$path" ] || follow=-L ;;
esac
if [ -L "$path" ] && [ -z "$follow" ]; then
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
	say mode "$(stat $follow -c %a -- "$path")"
	say owner "$(stat $follow -c %U -- "$path")"
	say group "$(stat $follow -c %G -- "$path")"
	say uid "$(stat $follow -c %u -- "$path")"
	say gid "$(stat $follow -c %g -- "$path")"
fi
