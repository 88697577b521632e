bundle=$(mktemp -d "${TMPDIR:-/tmp}/rawat.XXXXXX") || fail "cannot make a temporary folder"
trap 'rm -rf -- "$bundle"' EXIT
trap 'exit 129' HUP INT TERM
# What fails ends its own subshell only. They are no condition of anything here, where sh would not heed their `set -e`.
set +e

begin() {
	: >"$bundle/out"
	: >"$bundle/err"
}

# How the part of number $1 ended, with $2, and what it said: its first bytes, and its last on stderr.
answer() {
	printf 'rawat:bundled=%s\t%s\t%s\t%s\n' "$1" "$2" "$(wc -c <"$bundle/out" | tr -d ' ')" "$(wc -c <"$bundle/err" | tr -d ' ')"
	head -c "$most" "$bundle/out"
	tail -c 4096 "$bundle/err"
	echo
}
