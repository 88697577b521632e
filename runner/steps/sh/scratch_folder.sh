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

restore_drop() {
	scratch_remove
}
