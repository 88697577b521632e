restore_into() {
	scratch_folder
	[ -d "$scratch/files" ] || mkdir "$scratch/files"
	tar -x $pack -f "$plain" -C "$scratch/files" || fail "tar ended with $?: $artefact cannot be restored"
}

restore_check() {
	tar -d $pack -f "$plain" -C "$scratch/files" >&2 || fail "what was restored differs from the archive"
	say checked "every file equals the archive"
}

restore_count() {
	(cd -- "$scratch/files" && find . -mindepth 1 -print0 | tr -dc '\000' | wc -c | awk '{ printf "[\"entries\", %d]\n", $1 }')
}
