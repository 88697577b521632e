restore_into() {
	label=$(sed -n 's/.*"label": "\([^"]*\)".*/\1/p' "$plain")
	path=$(sed -n 's/.*"path": "\(.*\)"}$/\1/p' "$plain" | sed -e 's/\\"/"/g' -e 's/\\\\/\\/g')
	[ -n "$label" ] || fail "$artefact names no snapshot"
	[ -n "$repository" ] || repository=$(sed -n 's/.*"repository": "\([^"]*\)", "tool".*/\1/p' "$plain")
	repository_ready
	scratch_folder
	mkdir "$scratch/files"
	repository_restore "$scratch/files" || fail "$artefact cannot be restored from $repository"
}

restore_check() {
	repository_check || fail "the repository $repository is damaged"
	say checked "every file was read and has its checksum"
}

restore_count() {
	(cd -- "$scratch/files$(dirname -- "$path")" && find "./$(basename -- "$path")" -print0 | tr -dc '\000' | wc -c | awk '{ printf "[\"entries\", %d]\n", $1 }')
}
