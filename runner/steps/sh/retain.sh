# Older copies of the very same source, newest first. One that any rule keeps is kept, and the last one that was proven is.
retain() {
	[ "$keep" -gt 0 ] || [ "$keep_seconds" -gt 0 ] || return 0
	proven_there=$(second_proven) || {
		echo "$(second_name) does not tell what was proven there: nothing was removed" >&2
		return 0
	}
	cd -P -- "$to"
	place=0
	proven=
	for manifest in $(ls -1r -- "$stem"-????????T??????Z.*.json 2>/dev/null); do
		grep -qxF -e "$source_line" -- "$manifest" || continue
		# What lies in a repository leaves it by the rule of those backups alone.
		its_format=$(sed -n 's/^ *"format": "\([^"]*\)".*/\1/p' "$manifest")
		case $its_format,$format in
		"$format,$its_format") ;;
		*pgbackrest* | *restic* | *borg*) continue ;;
		esac
		old=${manifest%.json}
		place=$((place + 1))
		was_proven=no
		its_digest=$(sed -n 's/^ *"sha256": "\([0-9a-f]*\)".*/\1/p' "$manifest")
		if [ -z "$proven" ] && [ -f "$old" ]; then
			! { [ ! -f "$old.proven" ] || cat -- "$old.proven"; printf '%s\n' "$proven_there"; } |
				grep -qF -e "\"sha256\": \"$its_digest\"" || { proven=$old; was_proven=yes; }
		fi
		[ "$old" != "$name" ] || continue
		[ "$keep" = 0 ] || [ "$place" -gt "$keep" ] || continue
		made=$(sed -n 's/^ *"started_unix": \([0-9]*\).*/\1/p' "$manifest")
		[ "$keep_seconds" = 0 ] || [ "$((began_unix - ${made:-$began_unix}))" -gt "$keep_seconds" ] || continue
		[ "$was_proven" = no ] || { say kept_proven "$old"; continue; }
		backup_forget "$old" || { echo "$old could not be removed from its repository" >&2; continue; }
		second_remove "$old" "$its_digest"
		rm -f -- "$old" "$old.proven" "$old.globals" && rm -f -- "$manifest" && say removed "$old"
	done
}
