# From what a dump program wrote to the file that is kept: a folder becomes one file, then it is packed and encrypted.
seal_ready() {
	case $compress in gzip | zstd) has "$compress" || fail "$compress is not on this host" ;; esac
	case $encrypt in
	age) has age || fail "age is not on this host" ;;
	gpg)
		has gpg || fail "gpg is not on this host"
		printf '%s\n' "$recipients" | while IFS= read -r key; do
			gpg --batch --no-tty --list-keys -- "$key" >/dev/null 2>&1 || fail "gpg of $(id -un) has no key $key: import it first"
		done || exit 1
		;;
	esac
}

gather() {
	if [ -d "$raw" ]; then
		tar -c -f - -C "$(dirname -- "$raw")" "$(basename -- "$raw")"
	else
		cat -- "$raw"
	fi
}

shrink() {
	case $compress in gzip) gzip -c ;; zstd) zstd -q -c ;; *) cat ;; esac
}

lock_up() {
	case $encrypt in
	none) cat ;;
	age)
		printf '%s\n' "$recipients" >"$pipes/recipients"
		age -e -R "$pipes/recipients"
		;;
	gpg)
		set --
		while IFS= read -r key; do set -- "$@" --recipient "$key"; done <<-RAWAT_KEYS
			$recipients
		RAWAT_KEYS
		gpg --batch --no-tty --yes --trust-model always -e "$@"
		;;
	esac
}

seal() {
	[ "$raw" != "$new" ] || return 0
	: >"$pipes/broken"
	{ gather || echo reading >>"$pipes/broken"; } |
		{ shrink || echo "$compress" >>"$pipes/broken"; } |
		lock_up >"$new" || echo writing >>"$pipes/broken"
	[ ! -s "$pipes/broken" ] || fail "the copy of $shown could not be packed ($(tr '\n' ' ' <"$pipes/broken")failed)"
	rm -rf -- "$raw"
	[ "$encrypt" = none ] || return 0
	case $compress in
	gzip) gzip -t <"$new" || fail "the packed copy of $shown cannot be read to its end" ;;
	zstd) zstd -q -t <"$new" || fail "the packed copy of $shown cannot be read to its end" ;;
	*) tar -t -f "$new" >/dev/null || fail "the packed copy of $shown cannot be read to its end" ;;
	esac
}

# The globals go beside the copy, encrypted as it is; they are never packed.
seal_globals() {
	globals_digest=
	[ -f "$work/globals" ] || return 0
	lock_up <"$work/globals" >"$new.globals" || fail "the globals for $shown could not be written or encrypted"
	rm -f -- "$work/globals"
	chmod 600 "$new.globals"
	sync "$new.globals" 2>/dev/null || sync
	globals_digest=$(sha256 <"$new.globals")
}
