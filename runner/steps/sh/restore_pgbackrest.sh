restore_into() {
	stanza=$(sed -n 's/.*"stanza": "\([^"]*\)".*/\1/p' "$plain")
	label=$(sed -n 's/.*"label": "\([^"]*\)".*/\1/p' "$plain")
	{ [ -n "$stanza" ] && [ -n "$label" ]; } || fail "$artefact names no backup of pgbackrest"
	scratch_folder
	data=$scratch/data
	mkdir -m 700 "$data"
	pgbackrest --stanza="$stanza" --set="$label" --pg1-path="$data" --type=immediate --target-action=promote --archive-mode=off \
		restore >&2 || fail "pgbackrest ended with $?: $label cannot be restored"
	checked="pgbackrest: every file has its checksum"
	cluster_start
}
