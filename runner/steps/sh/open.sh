# The other way of what `seal` did: decrypted, unpacked, and a folder again. `plain` is what the restore reads.
unlock() {
	case $locked in
	no) cat -- "$1" ;;
	age)
		has age || { echo "error: age is not on this host" >&2; return 1; }
		if [ -n "$identity" ]; then
			age -d -i "$identity" "$1"
		else
			printf '%s\n' "${RAWAT_KEY-}" | age -d -i - "$1"
		fi
		;;
	gpg)
		has gpg || { echo "error: gpg is not on this host" >&2; return 1; }
		gpg --batch --no-tty -q -d "$1"
		;;
	esac
}

gpg_home() {
	[ "$locked" = gpg ] || return 0
	{ [ -n "${RAWAT_KEY-}" ] || [ -n "$identity" ]; } || return 0
	GNUPGHOME=$pipes/gnupg
	export GNUPGHOME
	mkdir -m 700 "$GNUPGHOME"
	if [ -n "$identity" ]; then cat -- "$identity"; else printf '%s\n' "$RAWAT_KEY"; fi |
		gpg --batch --no-tty -q --import >&2 || fail "the key cannot be read by gpg"
}

unpack() {
	case $packed in gz) gzip -dc ;; zst) zstd -q -dc ;; *) cat ;; esac
}

lay_out() {
	case $name in
	*.tar) tar -x -f - -C "$scratch" ;;
	*) cat >"$scratch/$name" ;;
	esac
}

# The globals beside the copy, where its manifest knows of them: the very bytes that were saved, read to their end.
open_globals() {
	wanted=$(noted globals_sha256)
	[ -n "$wanted" ] || return 0
	globals=$artefact.globals
	[ -f "$globals" ] || fail "$globals is not there, though it was saved with the copy"
	[ -r "$globals" ] || fail "$globals cannot be read by $(id -un)"
	found=$(sha256 <"$globals")
	[ "$found" = "$wanted" ] || fail "$globals is not what was saved: expected sha256 $wanted, found $found"
	: >"$pipes/broken"
	ends=$({ unlock "$globals" || echo broken >"$pipes/broken"; } | tail -n 8 |
		grep -cx -e '-- PostgreSQL database cluster dump complete') || :
	[ ! -s "$pipes/broken" ] || fail "$globals cannot be opened: decrypting failed"
	[ "$ends" = 1 ] || fail "$globals has no end: it is not whole"
	say globals "$globals"
}

open_artefact() {
	plain=$artefact
	name=$(basename -- "$artefact")
	locked=no
	packed=no
	case $name in *.age | *.gpg) locked=${name##*.} name=${name%.*} ;; esac
	case $packing,$name in yes,*.gz | yes,*.zst) packed=${name##*.} name=${name%.*} ;; esac
	gpg_home
	open_globals
	case $packing,$locked,$packed,$name in
	*,no,no,*.tar) [ "$packing" = yes ] || return 0 ;;
	*,no,no,*) return 0 ;;
	esac
	scratch_folder "$(noted plain_bytes)"
	: >"$pipes/broken"
	[ "$packing" = yes ] || name=plain-$name
	if [ "$packing" = no ]; then
		unlock "$artefact" >"$scratch/$name" || echo "decrypting " >"$pipes/broken"
	else
		{ unlock "$artefact" || echo "decrypting " >>"$pipes/broken"; } |
			{ unpack || echo "unpacking " >>"$pipes/broken"; } |
			lay_out || echo "writing " >>"$pipes/broken"
	fi
	[ "$locked" != gpg ] || [ "${GNUPGHOME-}" != "$pipes/gnupg" ] || gpgconf --kill all 2>/dev/null || :
	[ ! -s "$pipes/broken" ] || fail "$artefact cannot be opened: $(tr -d '\n' <"$pipes/broken")failed"
	case $packing,$name in
	yes,*.tar)
		plain=$(find "$scratch" -mindepth 1 -maxdepth 1 -type d | head -n 1)
		[ -n "$plain" ] || fail "$artefact holds no folder"
		;;
	*) plain=$scratch/$name ;;
	esac
}
