restore_into() {
	scratch_folder
	cp -- "$artefact" "$scratch/copy.db" || fail "$artefact cannot be copied to $scratch"
	chmod 600 "$scratch/copy.db"
}

restore_check() {
	said=$(echo 'pragma integrity_check;' | lite list write "$scratch/copy.db") || said="it cannot be read"
	[ "$said" = ok ] || fail "integrity_check of the restored copy: $(printf '%s' "$said" | head -n 1)"
	strays=$(echo 'pragma foreign_key_check;' | lite list write "$scratch/copy.db" | wc -l | tr -d ' ')
	say foreign_key_violations "$strays"
	say checked "integrity_check says ok"
}

restore_count() {
	count_rows "$scratch/copy.db"
}
