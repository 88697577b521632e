restore_into() {
	if [ "$plain" = "$artefact" ]; then
		scratch_folder
		cp -- "$artefact" "$scratch/copy.db" || fail "$artefact cannot be copied to $scratch"
		plain=$scratch/copy.db
	fi
	chmod 600 "$plain"
}

restore_check() {
	said=$(echo 'pragma integrity_check;' | lite list write "$plain") || said="it cannot be read"
	[ "$said" = ok ] || fail "integrity_check of the restored copy: $(printf '%s' "$said" | head -n 1)"
	strays=$(echo 'pragma foreign_key_check;' | lite list write "$plain" | wc -l | tr -d ' ')
	say foreign_key_violations "$strays"
	say checked "integrity_check says ok"
}

restore_count() {
	count_rows "$plain"
}
