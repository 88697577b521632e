restore_into() {
	scratch_folder
	tar -x $pack -f "$artefact" -C "$scratch" || fail "tar ended with $?: $artefact cannot be restored"
}

restore_check() {
	tar -d $pack -f "$artefact" -C "$scratch" >&2 || fail "what was restored differs from the archive"
	say checked "every file equals the archive"
}

restore_count() {
	(cd -- "$scratch" && find . -mindepth 1 -print0 | tr -dc '\000' | wc -c | awk '{ printf "[\"entries\", %d]\n", $1 }')
}
