restore_into() {
	scratch_folder "$(noted source_bytes)"
	[ -d "$scratch/files" ] || mkdir "$scratch/files"
	tar -x -p $pack -f "$plain" -C "$scratch/files" || fail "tar ended with $?: $artefact cannot be restored"
}

restore_check() {
	code=0
	tar -d $pack -f "$plain" -C "$scratch/files" >"$pipes/differs" || code=$?
	all="every file equals the archive"
	if [ "$code" = 1 ] && [ "$(id -u)" != 0 ] && grep -q -e ': [UG]id differs$' -- "$pipes/differs"; then
		all="$all, but for owners, which only root can give"
		! grep -v -e ': [UG]id differs$' -- "$pipes/differs" >&2 || fail "what was restored differs from the archive"
	elif [ "$code" != 0 ]; then
		head -n 20 "$pipes/differs" >&2
		fail "what was restored differs from the archive"
	fi
	say checked "$all"
}

restore_count() {
	(cd -- "$scratch/files" && find . -mindepth 1 -print0 | tr -dc '\000' | wc -c | awk '{ printf "[\"entries\", %d]\n", $1 }')
}
