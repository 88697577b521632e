# The way of every backup: room, a copy under a hidden name, proof that it is whole, its manifest, its place.
json() {
	printf '%s' "$1" | tr '\t\n\r' '   ' | tr -d '\000-\037' | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g'
}

# Whether this name is free, here and in the second place; it is ours then. Several hosts may keep their copies in one folder,
# and one that is called as another is would take its place.
take_name() {
	(set -C && true >"$to/.rawat-$name") 2>/dev/null || {
		[ -e "$to/.rawat-$name" ] || fail "cannot write in $to"
		return 1
	}
	held=$to/.rawat-$name
	[ -e "$to/$name" ] || ! second_take || return 0
	rm -f -- "$held"
	held=
	return 1
}

# Lines of JSON as a list of the manifest; $2 stands behind it.
listed() {
	printf '  "%s": [\n' "$1"
	sed -e 's/^/    /' -e '$!s/$/,/' "$work/$1"
	printf '  ]%s\n' "${2-}"
}

began=$(centis)
began_unix=$(date +%s)
started=$(date -u +%Y-%m-%dT%H:%M:%SZ)
[ -d "$to" ] || mkdir -p -- "$to" || fail "cannot make the folder $to"
to=$(cd -P -- "$to" && pwd -P) || fail "cannot look into $to"
[ -w "$to" ] || fail "$(id -un) may not write in $to"
temporary=${TMPDIR:-/tmp}
marked_folder "$to" .rawat-
work=$to/.rawat-$mark
find "$to" -maxdepth 1 -type f -name ".rawat-$stem-*" -mtime +0 -exec rm -f -- {} +
marked_folder "$temporary" rawat- || { rmdir "$work"; exit 1; }
pipes=$temporary/rawat-$mark
holder=
loose=
held=
second_held=
leave() {
	[ -z "$second_held" ] || second_clear
	[ -z "$held" ] || rm -f -- "$held"
	[ -z "$holder" ] || kill "$holder" 2>/dev/null || :
	[ -z "$loose" ] || rm -f -- "$loose"
	rm -rf -- "$work" "$pipes"
}
trap leave EXIT
trap 'exit 129' HUP INT TERM

need=$(backup_need) || fail "cannot tell how large $shown is"
need=$((need * times))
room=$(room_in "$to")
say need "$need"
say room "$room"
[ "$room" -ge "$need" ] || fail "expected at least $need bytes free in $to for $shown, found $room: nothing was started"
seal_ready
second_ready "$((need / times))"

raw=$work/$stem.$ending
new=$work/$stem.$extension
made_by=
consistent=true
counted=
point='{}'
objects='{}'
traits=
: >"$work/tables"
backup_dump
if [ -d "$raw" ]; then
	[ -n "$(ls -A -- "$raw")" ] || fail "the copy of $shown is empty"
else
	[ -s "$raw" ] || fail "the copy of $shown is empty"
fi
backup_verify "$raw"
plain=$(size_of "$raw")
seal
chmod 600 "$new"
sync "$new" 2>/dev/null || sync
digest=$(sha256 <"$new")
bytes=$(size_of "$new")
seal_globals

until name=$stem-$(date -u +%Y%m%dT%H%M%SZ).$extension && take_name; do sleep 1; done
seconds=$(since "$began")
{
	echo '{'
	echo '  "rawat": 1,'
	printf '  "artefact": "%s",\n' "$name"
	printf '%s\n' "$source_line"
	printf '  "format": "%s",\n' "$format"
	printf '  "sha256": "%s",\n' "$digest"
	[ -z "$globals_digest" ] || printf '  "globals_sha256": "%s",\n' "$globals_digest"
	printf '  "bytes": %s,\n' "$bytes"
	printf '  "plain_bytes": %s,\n' "$plain"
	printf '  "source_bytes": %s,\n' "$((need / times))"
	printf '  "encryption": "%s",\n' "$encrypt"
	printf '  "started": "%s",\n' "$started"
	printf '  "finished": "%s",\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
	printf '  "started_unix": %s,\n' "$began_unix"
	printf '  "seconds": %s,\n' "$seconds"
	printf '  "tool": "%s",\n' "$(json "$made_by")"
	printf '  "consistent": %s,\n' "$consistent"
	printf '  "counted": "%s",\n' "$counted"
	printf '  "checksums": "%s",\n' "$checksum"
	printf '  "point": %s,\n' "$point"
	printf '  "objects": %s,\n' "$objects"
	[ -z "$traits" ] || printf '%s\n' "$traits"
	[ ! -s "$work/sequences" ] || listed sequences ,
	listed tables
	echo '}'
} >"$work/manifest" || fail "cannot write the manifest of $name"
sync "$work/manifest" 2>/dev/null || sync
# The manifest comes last: a copy that has one is complete.
if [ -n "$globals_digest" ]; then
	loose=$to/$name.globals
	mv -- "$new.globals" "$loose" || fail "cannot put $loose in place"
fi
mv -- "$new" "$to/$name" || fail "cannot put $to/$name in place"
mv -- "$work/manifest" "$to/$name.json" || fail "cannot put $to/$name.json in place"
loose=
sync "$to" 2>/dev/null || sync

say path "$to/$name"
say sha256 "$digest"
[ -z "$globals_digest" ] || say globals "$to/$name.globals"
say bytes "$bytes"
say plain_bytes "$plain"
say started "$started"
say seconds "$seconds"
say tool "$made_by"
say consistent "$consistent"
say counted "$counted"
say point "$point"
say objects "$objects"
sed -e 's/^/rawat:table=/' "$work/tables"
# Only now, that the new one is whole and in both places, may older ones go.
second_copy
retain
