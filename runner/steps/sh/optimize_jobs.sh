# Jobs one after another: each is told, timed, and begun only while there is time left.
kept=$(mktemp -d "${TMPDIR:-/tmp}/rawat.XXXXXX") || fail "cannot write in ${TMPDIR:-/tmp}"
trap 'rm -rf -- "$kept"' EXIT
trap 'exit 129' HUP INT TERM
errors=$kept/errors list=$kept/list failures=$kept/failures
: >"$failures"
begun_work=$(centis)
began_at=$(ticks)
number=0 many=1

# The list is what is to come.
expect() {
	number=0
	many=$(wc -l <"$list")
}

# Whether there is time to begin a job (a JSON text); else it is told as left. Where things stand is said for whoever looks on.
in_budget() {
	number=$((number + 1))
	job_=${1#\"}
	printf '%d of %d, %d s so far: %s\n' "$number" "$many" "$(($(ticks) - began_at))" "${job_%\"}" >&2
	[ "$budget" != 0 ] || return 0
	[ "$(($(centis) - begun_work))" -ge "$((budget / 10))" ] || return 0
	printf 'rawat:left=%s\n' "$1"
	return 1
}

say_did() {
	begun_job=$(centis)
	printf 'rawat:did=%s\n' "$1"
}

# How a job ended: its time, and what is in `failures` where it went wrong.
say_took() {
	printf 'rawat:took=[%s, %s]\n' "$1" "$(since "$begun_job")"
	sed 's/^/rawat:failed=/' "$failures"
	: >"$failures"
}

# A finding as JSON, from words without quotes.
note() {
	printf 'rawat:finding={"what": "note", "object": "%s", "detail": "%s"}\n' "$1" "$2"
}
