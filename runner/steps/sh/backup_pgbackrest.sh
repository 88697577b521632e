# The copy lies in the repository that pgbackrest is configured for; our file is a note of where.
backup_need() {
	echo 0
}

backup_dump() {
	has pgbackrest || fail "pgbackrest is not on this host"
	made_by=$(pgbackrest version)
	pgbackrest --stanza="$stanza" check >&2 || fail "pgbackrest is not configured well for the stanza $stanza"
	pgbackrest --stanza="$stanza" --type="$backup_type" backup >&2 || fail "pgbackrest ended with $?: $shown was not saved"
	pgbackrest --stanza="$stanza" info --output=json >"$pipes/info" || fail "pgbackrest does not tell what it has"
	label=$(tr ',{}' '\n\n\n' <"$pipes/info" | sed -n 's/^"label":"\([0-9A-Z_-]*\)".*/\1/p' | sort | tail -n 1)
	[ -n "$label" ] || fail "pgbackrest does not name its backup"
	point=$(pgbackrest --stanza="$stanza" info --set="$label" --output=json | tr -d '\n' |
		sed -n 's/.*"lsn":{"start":"\([0-9A-F/]*\)","stop":"\([0-9A-F/]*\)"}.*/{"start_lsn": "\1", "lsn": "\2"}/p')
	[ -n "$point" ] || point='{}'
	printf '{"repository": "pgbackrest", "stanza": "%s", "label": "%s"}\n' "$stanza" "$label" >"$raw"
	say reference "$label"
}

# pgbackrest reads every file of the repository and compares it with its checksum.
backup_verify() {
	pgbackrest --stanza="$stanza" --output=text --verbose verify >"$pipes/verified" 2>&1 || { cat "$pipes/verified" >&2; fail "pgbackrest found its repository damaged"; }
	! grep -Eq '(checksum invalid|missing|size invalid|other): *[1-9]' "$pipes/verified" || { cat "$pipes/verified" >&2; fail "pgbackrest found its repository damaged"; }
}

# pgbackrest itself removes what its own retention (repo1-retention-full) lets go.
backup_forget() {
	:
}
