# A folder for scratch copies: where it was said, else beside the artefact, else in /var/tmp.
[ -n "$below" ] || below=$(dirname -- "$artefact")
[ -w "$below" ] || below=/var/tmp
folder=no
scratch=
scratch_remove() {
	[ "$folder" = no ] || rm -rf -- "$below/.rawat-scratch-$mark"
}

# $1: how many bytes it must hold; without it as many as the copy.
scratch_folder() {
	[ "$folder" = no ] || return 0
	room=$(room_in "$below")
	need=${1:-$(wc -c <"$artefact")}
	[ "$room" -ge "$need" ] || fail "expected at least $((need)) bytes free in $below for the scratch copy, found $room"
	marked_folder "$below" .rawat-scratch-
	folder=yes
	scratch=$below/.rawat-scratch-$mark
}

# Whether a scratch database finds room in $1, where its server keeps the data, as far as that can be seen from here.
scratch_room() {
	need=$(noted source_bytes)
	{ [ -n "$need" ] && [ -d "$1" ]; } || return 0
	room=$(room_in "$1" 2>/dev/null)
	[ "${room:-$need}" -ge "$need" ] ||
		fail "expected at least $need bytes free in $1 for the scratch database, as many as the source has, found $room: nothing was restored"
}

restore_drop() {
	scratch_remove
}
