# A folder for scratch copies: where it was said, else beside the artefact, else in /var/tmp.
[ -n "$below" ] || below=$(dirname -- "$artefact")
[ -w "$below" ] || below=/var/tmp
made=no
scratch=
restore_drop() {
	[ "$made" = no ] || rm -rf -- "$scratch"
}

scratch_folder() {
	room=$(df -Pk -- "$below" | awk 'NR == 2 { printf "%.0f", $4 * 1024 }')
	need=$(wc -c <"$artefact")
	[ "$room" -ge "$need" ] || fail "expected at least $((need)) bytes free in $below for the scratch copy, found $room"
	scratch=$(mktemp -d "$below/.rawat-scratch.XXXXXX") || fail "cannot make a scratch folder in $below"
	made=yes
}
