restore_into() {
	stanza=$(sed -n 's/.*"stanza": "\([^"]*\)".*/\1/p' "$plain")
	label=$(sed -n 's/.*"label": "\([^"]*\)".*/\1/p' "$plain")
	{ [ -n "$stanza" ] && [ -n "$label" ]; } || fail "$artefact names no backup of pgbackrest"
	scratch_folder
	data=$scratch/data
	mkdir -m 700 "$data" "$scratch/spaces"
	# Without the map a tablespace would be written where the source has it.
	pgbackrest --stanza="$stanza" --set="$label" --pg1-path="$data" --tablespace-map-all="$scratch/spaces" --type=immediate --target-action=promote --archive-mode=off \
		restore >&2 || fail "pgbackrest ended with $?: $label cannot be restored"
	checked="pgbackrest: every file has its checksum"
	cluster_start
}
