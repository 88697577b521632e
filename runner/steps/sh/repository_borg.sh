# A repository of borg; its passphrase is in BORG_PASSPHRASE.
BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=${BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK-no}
BORG_RELOCATED_REPO_ACCESS_IS_OK=no
export BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK BORG_RELOCATED_REPO_ACCESS_IS_OK
repository_ready() {
	has borg || fail "borg is not on this host"
	made_by=$(borg --version)
	borg info "$repository" >/dev/null || fail "$repository is no repository of borg that can be opened (borg init makes one)"
}

repository_save() {
	printf '%s\n' "$exclude" | sed '/^$/d' >"$pipes/exclude"
	label=$stem-$(date -u +%Y%m%dT%H%M%SZ)-$$
	code=0
	borg create --exclude-from "$pipes/exclude" "$repository::$label" "$path" >&2 || code=$?
	[ "$code" != 1 ] || consistent=false
	[ "$code" -le 1 ]
}

repository_check() {
	borg check --verify-data "$repository::$label" >&2
}

repository_list() {
	borg list --format '{path}{NL}' "$repository::$label" | wc -l | tr -d ' '
}

repository_restore() {
	(cd -- "$1" && borg extract "$repository::$label" >&2)
}

repository_forget() {
	borg delete "$repository::$label" >&2 && borg compact "$repository" >&2
}
