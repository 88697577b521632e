# The copy lies in a repository of its own kind; our file is a note of where.
[ -e "$path" ] || fail "$path is not there"
[ ! -L "$path" ] || path=$(readlink -f -- "$path")
path=$(cd -P -- "$(dirname -- "$path")" && pwd -P)/$(basename -- "$path")
backup_need() {
	echo 0
}

backup_dump() {
	repository_ready
	case $repository/ in "$path"/*) fail "$repository lies inside $path: the copy would copy itself" ;; esac
	repository_save || fail "$format could not save $shown in $repository"
	[ -n "$label" ] || fail "$format does not name its snapshot"
	printf '{"repository": "%s", "tool": "%s", "label": "%s", "path": "%s"}\n' "$(json "$repository")" "$format" "$label" "$(json "$path")" >"$raw"
	say reference "$label"
	printf '["entries", %s]\n' "$(repository_list)" >"$work/tables"
	counted=archive
}

backup_verify() {
	repository_check || fail "$format found $repository damaged"
}

backup_forget() {
	label=$(sed -n 's/.*"label": "\([^"]*\)".*/\1/p' "$1")
	# A snapshot without a name would be another one.
	[ -n "$label" ] && repository_forget
}
