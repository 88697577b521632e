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

# Lines of file $1 from byte $3 on, when it was number $2; where it was moved away since, the rest of it first.
added() {
	number=$(ls -di -- "$1" | awk '{ print $1 }')
	from=$3
	if [ -n "$2" ] && [ "$2" != "$number" ]; then
		for old in "$1".1 "$1"-*; do
			[ -f "$old" ] && [ "$(ls -di -- "$old" | awk '{ print $1 }')" = "$2" ] || continue
			tail -c "+$((from + 1))" -- "$old"
		done
		from=0
	fi
	[ "$(wc -c <"$1")" -ge "$from" ] || from=0
	tail -c "+$((from + 1))" -- "$1"
}

: >"$work/lines"
[ "$from_journal" = no ] || journal >>"$work/lines"
while IFS="$tab" read -r number offset file; do
	[ -n "$file" ] || continue
	case $file in '~/'*) file=$HOME/${file#'~/'} ;; esac
	[ -f "$file" ] && [ -r "$file" ] || fail "$file is no file that $(id -un) can read"
	[ "$number" != - ] || number=
	printf 'rawat:mark=%s\t%s\t%s\n' "$(ls -di -- "$file" | awk '{ print $1 }')" "$(wc -c <"$file" | tr -d ' ')" "$file"
	[ "$offset" = - ] || added "$file" "$number" "$offset" >>"$work/lines"
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
