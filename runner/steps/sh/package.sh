if [ "$apply" = yes ]; then
	[ "$(id -u)" = 0 ] || fail "packages are changed by root only: say become: root"
	free_lock
	[ "$refresh" = no ] || refresh_lists
	state_of before
	put
fi
state_of after
