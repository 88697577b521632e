restore_into() {
	scratch_folder "$(noted source_bytes)"
	[ -d "$scratch/files" ] || mkdir "$scratch/files"
	set -f
	tar -x -p $more $pack -f "$plain" -C "$scratch/files" || fail "tar ended with $?: $artefact cannot be restored"
	set +f
}

# Whether the disk of scratch has such a thing at all.
can_have() {
	case $1 in
	attributes) setfattr -n user.rawat -v x -- "$scratch/files" && setfattr -x user.rawat -- "$scratch/files" ;;
	acls) setfacl -m u:0:r -- "$scratch/files" && setfacl -b -- "$scratch/files" ;;
	esac 2>/dev/null
}

restore_check() {
	code=0
	tar -d $pack -f "$plain" -C "$scratch/files" >"$pipes/differs" || code=$?
	all="every file equals the archive"
	if [ "$code" = 1 ] && [ "$(id -u)" != 0 ] && grep -q -e ': [UG]id differs$' -- "$pipes/differs"; then
		all="$all, but for owners, which only root can give"
		! grep -v -e ': [UG]id differs$' -- "$pipes/differs" >&2 || fail "what was restored differs from the archive"
	elif [ "$code" != 0 ]; then
		head -n 20 "$pipes/differs" >&2
		fail "what was restored differs from the archive"
	fi
	same='' unseen=''
	for each in attributes capabilities acls; do
		was=$(noted "$each")
		if [ -n "$was" ] && can_see "$each" && can_have "$each"; then
			[ "$(seen "$each" "$plain" "$scratch/files")" = "$was" ] || fail "what was restored has other $each than what was saved"
			same="${same:+$same, }$each"
		else
			unseen="${unseen:+$unseen, }$each"
		fi
	done
	say checked "$all${same:+; equal, too: $same}${unseen:+; not compared: $unseen}"
}

restore_count() {
	(cd -- "$scratch/files" && find . -mindepth 1 -print0 | tr -dc '\000' | wc -c | awk '{ printf "[\"entries\", %d]\n", $1 }')
}
