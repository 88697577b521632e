# The way of every proof: digest, a scratch place that goes away whatever happens, the restore, checks, counts.
[ -f "$artefact" ] || fail "$artefact is not there"
[ -r "$artefact" ] || fail "$artefact cannot be read by $(id -un)"
artefact=$(cd -P -- "$(dirname -- "$artefact")" && pwd -P)/$(basename -- "$artefact")
manifest=$artefact.json
began=$(centis)
digest=$(sha256 <"$artefact")
say path "$artefact"
say sha256 "$digest"
if [ -f "$manifest" ]; then
	wanted=$(sed -n 's/^ *"sha256": "\([0-9a-f]*\)".*/\1/p' "$manifest")
	[ "$digest" = "$wanted" ] || fail "$artefact is not what was saved: expected sha256 $wanted, found $digest"
	made=$(sed -n 's/^ *"started_unix": \([0-9]*\).*/\1/p' "$manifest")
	[ -z "$made" ] || say age "$(($(date +%s) - made))"
	[ "$compare" = no ] || sed -n '/^ *"tables": \[/,/^ *\]$/s/^ *\(\[.*[0-9]\]\),\{0,1\}$/rawat:was=\1/p' "$manifest"
elif [ "$compare" = yes ]; then
	fail "$manifest is not there: without it there is nothing to compare with (compare: false proves the restore alone)"
fi
suffix=$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')

leave() {
	code=$?
	trap - EXIT
	trap '' HUP INT TERM
	restore_drop || {
		echo "rawat: the scratch copy $scratch could not be removed" >&2
		[ "$code" != 0 ] || code=1
	}
	[ -z "${pipes-}" ] || rm -rf -- "$pipes"
	exit "$code"
}
pipes=$(mktemp -d "${TMPDIR:-/tmp}/rawat.XXXXXX") || fail "cannot write in ${TMPDIR:-/tmp}"
trap leave EXIT
trap 'exit 129' HUP INT TERM

restored=$(centis)
restore_into
say seconds "$(since "$restored")"
restore_check
[ "$compare" = no ] || restore_count >"$pipes/counts" || fail "the rows of the restored copy cannot be counted"
[ "$compare" = no ] || sed -e 's/^/rawat:now=/' "$pipes/counts"
say scratch "$scratch"
say total_seconds "$(since "$began")"
