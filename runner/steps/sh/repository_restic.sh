# A repository of restic; its password is in RESTIC_PASSWORD.
repository_ready() {
	has restic || fail "restic is not on this host"
	made_by=$(restic version)
	restic -q -r "$repository" cat config >/dev/null || fail "$repository is no repository of restic that can be opened (restic init makes one)"
}

repository_save() {
	printf '%s\n' "$exclude" | sed '/^$/d' >"$pipes/exclude"
	restic -q -r "$repository" backup --json --tag "rawat-$stem" --exclude-file "$pipes/exclude" -- "$path" >"$pipes/said" || return 1
	label=$(sed -n 's/.*"message_type":"summary".*"snapshot_id":"\([0-9a-f]*\)".*/\1/p' "$pipes/said" | tail -n 1)
}

repository_check() {
	restic -q -r "$repository" check >&2
}

repository_list() {
	restic -q -r "$repository" ls "$label" | grep -c "^$(printf '%s' "$path" | sed 's/[][\.*^$]/\\&/g')"
}

repository_restore() {
	restic -q -r "$repository" restore "$label" --target "$1" --verify >&2
}

repository_forget() {
	restic -q -r "$repository" forget --prune "$label" >&2
}
