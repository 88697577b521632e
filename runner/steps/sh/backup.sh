# The way of every backup: room, a copy under a hidden name, proof that it is whole, its manifest, its place.
json() {
	printf '%s' "$1" | tr '\t\n\r' '   ' | tr -d '\000-\037' | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g'
}

began=$(centis)
began_unix=$(date +%s)
started=$(date -u +%Y-%m-%dT%H:%M:%SZ)
[ -d "$to" ] || mkdir -p -- "$to" || fail "cannot make the folder $to"
to=$(cd -P -- "$to" && pwd -P) || fail "cannot look into $to"
[ -w "$to" ] || fail "$(id -un) may not write in $to"
work=$(mktemp -d "$to/.rawat.XXXXXX") || fail "cannot write in $to"
pipes=$(mktemp -d "${TMPDIR:-/tmp}/rawat.XXXXXX") || { rmdir "$work"; fail "cannot write in ${TMPDIR:-/tmp}"; }
holder=
leave() {
	[ -z "$holder" ] || kill "$holder" 2>/dev/null || :
	rm -rf -- "$work" "$pipes"
}
trap leave EXIT
trap 'exit 129' HUP INT TERM

need=$(backup_need) || fail "cannot tell how large $shown is"
room=$(df -Pk -- "$to" | awk 'NR == 2 { printf "%.0f", $4 * 1024 }')
say need "$need"
say room "$room"
[ "$room" -ge "$need" ] || fail "expected at least $need bytes free in $to for $shown, found $room: nothing was started"

new=$work/$stem.$extension
made_by=
consistent=true
counted=
point='{}'
: >"$work/tables"
backup_dump
[ -s "$new" ] || fail "the copy of $shown is empty"
backup_verify "$new"
chmod 600 "$new"
sync "$new" 2>/dev/null || sync
digest=$(sha256 <"$new")
bytes=$(wc -c <"$new" | tr -d ' ')

name=$stem-$(date -u +%Y%m%dT%H%M%SZ).$extension
while [ -e "$to/$name" ]; do
	sleep 1
	name=$stem-$(date -u +%Y%m%dT%H%M%SZ).$extension
done
seconds=$(since "$began")
{
	echo '{'
	echo '  "rawat": 1,'
	printf '  "artefact": "%s",\n' "$name"
	printf '%s\n' "$source_line"
	printf '  "format": "%s",\n' "$format"
	printf '  "sha256": "%s",\n' "$digest"
	printf '  "bytes": %s,\n' "$bytes"
	printf '  "started": "%s",\n' "$started"
	printf '  "finished": "%s",\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
	printf '  "started_unix": %s,\n' "$began_unix"
	printf '  "seconds": %s,\n' "$seconds"
	printf '  "tool": "%s",\n' "$(json "$made_by")"
	printf '  "consistent": %s,\n' "$consistent"
	printf '  "counted": "%s",\n' "$counted"
	printf '  "point": %s,\n' "$point"
	echo '  "tables": ['
	sed -e 's/^/    /' -e '$!s/$/,/' "$work/tables"
	echo '  ]'
	echo '}'
} >"$work/manifest" || fail "cannot write the manifest of $name"
sync "$work/manifest" 2>/dev/null || sync
mv -- "$new" "$to/$name" || fail "cannot put $to/$name in place"
mv -- "$work/manifest" "$to/$name.json" || fail "cannot put $to/$name.json in place"
sync "$to" 2>/dev/null || sync

# Older copies of the very same source, newest first. Only now, that the new one is in place and proven whole.
if [ "$keep" -gt 0 ]; then
	cd -P -- "$to"
	kept=1
	for old in $(ls -1r -- "$stem"-????????T??????Z."$extension" 2>/dev/null); do
		[ "$old" != "$name" ] || continue
		grep -qxF -e "$source_line" -- "$old.json" 2>/dev/null || continue
		kept=$((kept + 1))
		[ "$kept" -gt "$keep" ] || continue
		rm -f -- "$old" && rm -f -- "$old.json" && say removed "$old"
	done
fi

say path "$to/$name"
say sha256 "$digest"
say bytes "$bytes"
say started "$started"
say seconds "$seconds"
say tool "$made_by"
say consistent "$consistent"
say counted "$counted"
say point "$point"
sed -e 's/^/rawat:table=/' "$work/tables"
