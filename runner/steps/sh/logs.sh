work=$(mktemp -d "${TMPDIR:-/tmp}/rawat.XXXXXX") || fail "cannot make a temporary folder"
trap 'rm -rf -- "$work"' EXIT
trap 'exit 129' HUP INT TERM
tab=$(printf '\t')
[ -z "$back" ] || since=$(($(date +%s) - back))

# Who may not read the system's journal gets an empty one, and would call that good.
journal() {
	has journalctl || fail "journalctl is not on this host"
	[ -n "$(journalctl -q -n 1 -o cat --system 2>/dev/null)" ] || fail "$(id -un) cannot read the journal of this host: say become: root"
	set -- -q --no-pager -o short-iso --since "@$since"
	[ -z "$priority" ] || set -- "$@" -p "$priority"
	while IFS= read -r unit; do
		[ -z "$unit" ] || set -- "$@" -u "$unit"
	done <<RAWAT_UNITS
$units
RAWAT_UNITS
	journalctl "$@" || fail "journalctl ended with $?"
}

inode() {
	ls -di -- "$1" | awk '{ print $1 }'
}

# A file of a log, unpacked.
plain() {
	case $1 in
	*.gz) gzip -dc -- "$1" ;;
	*.xz) xz -dc -- "$1" ;;
	*.bz2) bzip2 -dc -- "$1" ;;
	*.zst) zstd -dcq -- "$1" ;;
	*) cat -- "$1" ;;
	esac 2>/dev/null
}

# Up to 4 KiB before byte $2 of $1, and whether it has so many: a file of a log is known by them, under whatever name.
before() {
	start=$(($2 > 4096 ? $2 - 4096 : 0))
	case $1 in
	*.gz | *.xz | *.bz2 | *.zst) plain "$1" | tail -c "+$((start + 1))" ;;
	*) tail -c "+$((start + 1))" -- "$1" ;;
	esac | head -c "$(($2 - start))"
}

sum_before() {
	before "$1" "$2" | cksum | awk '{ print $1 }'
}

# Whether $1 is long enough, and stands before byte $from as it did when that was marked.
is_marked() {
	if [ "$sum" = - ]; then
		[ "$(before "$1" "$from" | wc -c)" -eq "$((from > 4096 ? 4096 : from))" ]
	else
		[ "$(sum_before "$1" "$from")" = "$sum" ]
	fi
}

# Lines of file $1 from byte $3 on, when its number was $2 and what stood before had the sum $4. Where it was moved away, packed
# or copied since: the rest of it, then what came between, then the file itself.
added() {
	from=$3 sum=$4
	if [ -z "$2" ] || { [ "$2" = "$(inode "$1")" ] && is_marked "$1"; }; then
		tail -c "+$((from + 1))" -- "$1"
		return
	fi
	: >"$work/between"
	base=
	ls -1t -- "$1".[0-9]* "$1"-[0-9]* 2>/dev/null >"$work/beside" || :
	while IFS= read -r old; do
		if { [ "$(inode "$old")" = "$2" ] || { [ "$from" -gt 0 ] && [ "$sum" != - ]; }; } && is_marked "$old"; then
			base=$old
			break
		fi
		printf '%s\n' "$old" | cat - "$work/between" >"$work/order"
		mv -- "$work/order" "$work/between"
	done <"$work/beside"
	[ -n "$base" ] || fail "$1 was moved away or emptied since it was marked, and what was in it is nowhere beside it: nobody knows what was written"
	plain "$base" | tail -c "+$((from + 1))"
	while IFS= read -r old; do
		plain "$old"
	done <"$work/between"
	cat -- "$1"
}

: >"$work/lines"
[ "$from_journal" = no ] || journal >>"$work/lines"
while IFS="$tab" read -r number offset sum file; do
	[ -n "$file" ] || continue
	case $file in '~/'*) file=$HOME/${file#'~/'} ;; esac
	[ -f "$file" ] && [ -r "$file" ] || fail "$file is no file that $(id -un) can read"
	[ "$number" != - ] || number=
	size=$(wc -c <"$file" | tr -d ' ')
	printf 'rawat:mark=%s\t%s\t%s\t%s\n' "$(inode "$file")" "$size" "$(sum_before "$file" "$size")" "$file"
	[ "$offset" = - ] || added "$file" "$number" "$offset" "$sum" >>"$work/lines"
done <<RAWAT_FILES
$files
RAWAT_FILES
say lines "$(wc -l <"$work/lines" | tr -d ' ')"

# Each pattern: how many lines have it, and the last of them. A byte of zero (a log that was cut by copytruncate has many)
# makes grep take all of it for binary and show no line: -a.
number=0
while IFS= read -r pattern; do
	[ -n "$pattern" ] || continue
	number=$((number + 1))
	code=0
	if [ -n "$leave_out" ]; then
		grep -a -v -E -e "$leave_out" "$work/lines" >"$work/left" 2>"$work/said" || code=$?
		[ "$code" -lt 2 ] || fail "the pattern '$leave_out' of lines to leave out is not one that grep reads: $(head -n 1 "$work/said")"
		code=0
	else
		ln -f "$work/lines" "$work/left"
	fi
	grep -a -E -e "$pattern" "$work/left" >"$work/found" 2>"$work/said" || code=$?
	[ "$code" -lt 2 ] || fail "the pattern '$pattern' is not one that grep reads: $(head -n 1 "$work/said")"
	printf 'rawat:count=%s\t%s\n' "$number" "$(wc -l <"$work/found" | tr -d ' ')"
	tail -n 5 "$work/found" | cut -c 1-500 | while IFS= read -r line; do say "found$number" "$line"; done
done <<RAWAT_PATTERNS
$patterns
RAWAT_PATTERNS
