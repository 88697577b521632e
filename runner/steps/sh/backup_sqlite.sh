backup_need() {
	total=$(wc -c <"$database")
	[ ! -f "$database-wal" ] || total=$((total + $(wc -c <"$database-wal")))
	echo "$((total))"
}

# The online copy of SQLite: it waits for writers, and is of one moment.
backup_dump() {
	lite_copy "$database" "$raw" || {
		hint=
		{ [ -w "$database" ] && [ -w "$(dirname -- "$database")" ]; } || [ "$(od -An -j18 -N1 -tu1 "$database" | tr -d ' ')" != 2 ] ||
			hint=": it is in WAL mode, where $(id -un) must be able to write the file and its folder to read it; work as its owner"
		fail "SQLite could not copy $shown$hint"
	}
	[ "$count" != yes ] || {
		count_rows "$raw" >"$work/tables" || fail "the rows of the copy cannot be counted"
		counted=copy
	}
	case $tool in sqlite3) made_by="sqlite3 $(sqlite3 --version | cut -d' ' -f1)" ;; *) made_by=$(python3 --version) ;; esac
}

backup_verify() {
	said=$(echo 'pragma integrity_check;' | lite list write "$1") || said="it cannot be read"
	[ "$said" = ok ] || fail "the copy of $shown is damaged: $(printf '%s' "$said" | head -n 1)"
	rm -f -- "$1-wal" "$1-shm"
}
