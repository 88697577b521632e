# The way of every proof: digest, a scratch place that goes away whatever happens, the restore, checks, counts.
[ -f "$artefact" ] || fail "$artefact is not there"
[ -r "$artefact" ] || fail "$artefact cannot be read by $(id -un)"
artefact=$(cd -P -- "$(dirname -- "$artefact")" && pwd -P)/$(basename -- "$artefact")
manifest=$artefact.json
began=$(centis)
digest=$(sha256 <"$artefact")
say path "$artefact"
say sha256 "$digest"

# A line of the manifest: the text after a key.
noted() {
	[ ! -f "$manifest" ] || sed -n "s/^ *\"$1\": \"\{0,1\}\(.*[^,\"]\)\"\{0,1\},\{0,1\}\$/\1/p" "$manifest" | head -n 1
}

# The lines of a list of the manifest, without what stands between them.
noted_list() {
	sed -n "/^ *\"$1\": \[/,/^ *\],\{0,1\}\$/s/^ *\(\[.*\]\),\{0,1\}\$/\1/p" "$manifest"
}

checksum=no
counted=
if [ -f "$manifest" ]; then
	wanted=$(noted sha256)
	[ "$digest" = "$wanted" ] || fail "$artefact is not what was saved: expected sha256 $wanted, found $digest"
	made_at=$(noted started_unix)
	[ -z "$made_at" ] || say age "$(($(date +%s) - made_at))"
	say source "$(sed -n 's/^ *"source": \({.*}\),$/\1/p' "$manifest")"
	checksum=$(noted checksums)
	counted=$(noted counted)
elif [ "$compare" = yes ]; then
	fail "$manifest is not there: without it there is nothing to compare with (compare: false proves the restore alone)"
fi
say counted "$counted"

temporary=${TMPDIR:-/tmp}
pipes=
leave() {
	code=$?
	trap - EXIT
	trap '' HUP INT TERM
	restore_drop && scratch_remove || {
		echo "rawat: the scratch copy $scratch could not be removed" >&2
		[ "$code" != 0 ] || code=1
	}
	[ -z "$pipes" ] || rm -rf -- "$pipes"
	exit "$code"
}
marked_folder "$temporary" rawat-
pipes=$temporary/rawat-$mark
sweep "$below" .rawat-scratch-
trap leave EXIT
trap 'exit 129' HUP INT TERM
[ "$compare" = no ] || [ -z "$counted" ] || noted_list tables >"$pipes/was"
[ ! -f "$pipes/was" ] || sed -e 's/^/rawat:was=/' "$pipes/was"

restored=$(centis)
open_artefact
restore_into
say seconds "$(since "$restored")"
restore_check
restore_count >"$pipes/counts" || fail "the rows of the restored copy cannot be counted"
sed -e 's/^/rawat:now=/' "$pipes/counts"
say scratch "$scratch"
say total_seconds "$(since "$began")"

# A line for each of the objects: an older copy knows of fewer of them.
each_object() {
	tr -d '{}' | tr ',' '\n' | sed -e 's/^ *//' -e '/^$/d'
}

# What was proven is marked, so that no later backup removes the last copy that is known to come back.
same=yes
if [ -f "$pipes/was" ]; then
	[ "$(sort "$pipes/was")" = "$(sort "$pipes/counts")" ] || same=no
	if [ -f "$pipes/objects" ]; then
		say objects_was "$(noted objects)"
		say objects_now "$(cat "$pipes/objects")"
		each_object <"$pipes/objects" >"$pipes/parts"
		[ ! -s "$pipes/behind" ] || { same=no && sed -e 's/^/rawat:behind=/' "$pipes/behind"; }
		! noted objects | each_object | grep -qvxFf "$pipes/parts" || same=no
	fi
fi
if [ "$compare" = yes ] && [ "$same" = yes ]; then
	printf '{"sha256": "%s", "at": "%s", "restored_on": "%s"}\n' "$digest" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$(uname -n)" >"$pipes/proven"
	if cp -- "$pipes/proven" "$artefact.proven.part" 2>/dev/null && mv -- "$artefact.proven.part" "$artefact.proven"; then
		say proven "$artefact.proven"
	else
		echo "$(id -un) may not mark $artefact as proven: the retention of backups will not know" >&2
	fi
fi
