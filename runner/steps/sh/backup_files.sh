[ -e "$path" ] || fail "$path is not there"
# A link is not what was meant, but what it leads to.
[ ! -L "$path" ] || path=$(readlink -f -- "$path")
path=$(cd -P -- "$(dirname -- "$path")" && pwd -P)/$(basename -- "$path")
backup_need() {
	du -sk -- "$path" 2>/dev/null | awk 'END { printf "%.0f", $1 * 1024 }'
}

backup_dump() {
	case $to/ in "$path"/*) fail "$to lies inside $path: the copy would copy itself" ;; esac
	made_by=$(tar --version 2>/dev/null | head -n 1)
	printf '%s\n' "$exclude" | sed '/^$/d' >"$pipes/exclude"
	set -f
	code=0
	# Files with holes keep them, so that they need no more room in scratch than where they are.
	tar -c ${more:+-S} $more $pack -f "$raw" -C "$(dirname -- "$path")" -X "$pipes/exclude" "./$(basename -- "$path")" || code=$?
	set +f
	case $code in
	0) ;;
	1) consistent=false ;;
	*) fail "tar ended with $code: $shown was not saved" ;;
	esac
	tar -t $pack -f "$raw" >"$work/list" || fail "the archive of $shown cannot be read to its end"
	printf '["entries", %s]\n' "$(wc -l <"$work/list" | tr -d ' ')" >"$work/tables"
	for each in attributes capabilities acls; do
		! can_see "$each" || traits="${traits:+$traits
}  \"$each\": \"$(seen "$each" "$raw" "$(dirname -- "$path")")\","
	done
	counted=archive
}

# What was saved is what is there; a file that changed meanwhile is not called of one moment.
backup_verify() {
	tar -d $pack -f "$1" -C "$(dirname -- "$path")" >"$pipes/changed" 2>&1 || consistent=false
	head -n 20 "$pipes/changed" >&2
}
