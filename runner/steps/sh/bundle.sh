bundle=$(mktemp -d "${TMPDIR:-/tmp}/rawat.XXXXXX") || fail "cannot make a temporary folder"
trap 'rm -rf -- "$bundle"' EXIT
trap 'exit 129' HUP INT TERM
# What fails ends its own subshell only. They are no condition of anything here, where sh would not heed their `set -e`.
set +e

# $1 and everything that it began, by number.
begun_by() {
	ps -eo pid=,ppid= 2>/dev/null | awk -v first="$1" '
		{ parent[$1] = $2 }
		END { for (one in parent) { at = one; for (i = 0; i < 99 && at in parent; i++) { if (at == first) { print one; break } at = parent[at] } } }'
}

# Ends a part whose time is over, with what it waits for: one that hangs must not cost the answers of the others.
keep_time() {
	while [ -d "$bundle" ]; do
		sleep 1
		read -r part began <"$bundle/now" || continue
		[ "$part" != none ] && [ "$(($(ticks) - began))" -ge "$limit" ] || continue
		: >"$bundle/late"
		begun=$(begun_by "$part")
		kill -s KILL "$part" $begun
	done 2>/dev/null
}

echo none 0 >"$bundle/now"
keep_time </dev/null >/dev/null 2>&1 &
keeper=$!
trap 'kill "$keeper" 2>/dev/null; rm -rf -- "$bundle"' EXIT

# How the part of number $1 ended, which was begun just now, and what it said: its first bytes, and its last on stderr.
answer() {
	echo "$! $(ticks)" >"$bundle/now"
	wait "$!" 2>/dev/null
	code=$?
	echo none 0 >"$bundle/now"
	[ ! -e "$bundle/late" ] || echo "rawat: it took longer than $limit s, and was ended" >>"$bundle/err"
	rm -f -- "$bundle/late"
	printf 'rawat:bundled=%s\t%s\t%s\t%s\n' "$1" "$code" "$(wc -c <"$bundle/out" | tr -d ' ')" "$(wc -c <"$bundle/err" | tr -d ' ')"
	head -c "$most" "$bundle/out"
	tail -c 4096 "$bundle/err"
	echo
}
