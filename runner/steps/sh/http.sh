work=$(mktemp -d "${TMPDIR:-/tmp}/rawat.XXXXXX") || fail "cannot make a temporary folder"
trap 'rm -rf -- "$work"' EXIT
trap 'exit 129' HUP INT TERM

# The first 64 KiB of a body, which are all that is looked at, and how long it is: it may be larger than the host's disk.
keep() {
	mkfifo "$work/all"
	wc -c <"$work/all" >"$work/bytes" &
	tee "$work/all" | { head -c 65536; cat >/dev/null; } >"$work/body"
	wait "$!"
}

# Headers and body may be secret: they come by the environment and never stand in an argument.
if has curl; then
	tool=curl
	i=0
	while [ "$i" -lt "$headers" ]; do
		eval "line=\$RAWAT_HEADER_$i"
		printf '%s\n' "$line" >>"$work/headers"
		i=$((i + 1))
	done
	set -- -gsS --max-time "$timeout" -X "$method" -o /dev/fd/3 -w '%{http_code} %{time_total}'
	[ "$method" != HEAD ] || set -- "$@" -I
	[ "$headers" = 0 ] || set -- "$@" -H "@$work/headers"
	[ -z "$ca" ] || set -- "$@" --cacert "$ca"
	[ "$follow" = no ] || set -- "$@" -L --max-redirs 10
	if [ "${RAWAT_SEND+x}" = x ]; then
		printf '%s' "$RAWAT_SEND" >"$work/send"
		set -- "$@" --data-binary "@$work/send"
	fi
	{ curl "$@" -- "$url" 3>&1 >"$work/answer" || echo "$?" >"$work/code"; } | keep
	[ ! -e "$work/code" ] || fail "$url: curl ended with $(cat "$work/code"), see its words above"
	answer=$(cat "$work/answer")
	status=${answer%% *}
	ms=$(echo "${answer##* }" | awk '{ printf "%d", $1 * 1000 + 0.5 }')
elif has python3; then
	tool=python3
	cat >"$work/ask.py" <<'RAWAT_PYTHON'
import http.client, os, ssl, sys, time, urllib.error, urllib.request

url, method, timeout, follow, ca, count, folder = sys.argv[1:8]


class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args):
        return None


handlers = [] if follow == "yes" else [Stay]
if url.startswith("https:"):
    handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca or None)))
send = os.environ.get("RAWAT_SEND")
request = urllib.request.Request(url, method=method, data=None if send is None else send.encode())
for number in range(int(count)):
    name, _, value = os.environ["RAWAT_HEADER_%d" % number].partition(":")
    request.add_header(name.strip(), value.strip())
began = time.monotonic()
try:
    answer = urllib.request.build_opener(*handlers).open(request, timeout=float(timeout))
except urllib.error.HTTPError as error:
    answer = error
except (OSError, ValueError) as error:
    sys.exit("rawat: %s: %s" % (url, getattr(error, "reason", error)))
length = 0
with open(os.path.join(folder, "body"), "wb") as file:
    try:
        while True:
            part = answer.read1(65536) if hasattr(answer, "read1") else answer.read(65536)
            if not part:
                break
            file.write(part[: max(0, 65536 - length)])
            length += len(part)
            if time.monotonic() - began > float(timeout):
                sys.exit("rawat: %s: the answer had not ended after %s s and %d bytes" % (url, timeout, length))
    except (OSError, http.client.HTTPException) as error:
        sys.exit("rawat: %s: %s" % (url, error))
with open(os.path.join(folder, "bytes"), "w") as file:
    file.write("%d\n" % length)
print(answer.getcode(), round((time.monotonic() - began) * 1000))
RAWAT_PYTHON
	answer=$(python3 "$work/ask.py" "$url" "$method" "$timeout" "$follow" "$ca" "$headers" "$work") || exit 1
	status=${answer%% *}
	ms=${answer##* }
elif has wget; then
	tool=wget
	[ "$headers" = 0 ] && [ "$method" = GET ] && [ "${RAWAT_SEND+x}" != x ] && [ -z "$ca" ] ||
		fail "wget alone cannot ask $url this way: install curl or python3 on this host"
	began=$(ticks)
	set -- wget -S -t 1 -T "$timeout" -O -
	# busybox has no such options. Dots would grow with the answer; and a connection that its server ends behind a redirect
	# is asked again nevertheless, without an answer.
	! wget --help 2>&1 | grep -q -e --no-http-keep-alive || set -- "$@" --no-verbose --no-http-keep-alive
	set -- "$@" -- "$url"
	# -T is for each read: an answer that trickles for ever is ended by another program.
	! has timeout || set -- timeout "${timeout%.*}" "$@"
	{ "$@" 2>"$work/said" || echo "$?" >"$work/code"; } | keep
	[ "$(cat "$work/code" 2>/dev/null)" != 124 ] || fail "$url: the answer had not ended after $timeout s"
	status=$(sed -n 's/^ *HTTP\/[0-9.]* \([0-9][0-9][0-9]\).*/\1/p' "$work/said" | if [ "$follow" = yes ]; then tail -n 1; else head -n 1; fi)
	[ -n "$status" ] || fail "$url: $(tail -n 1 "$work/said")"
	# Where it was sent on to was not reached: the redirect is no answer.
	case $follow$status in yes30[12378]) fail "$url: sent on, and then: $(tail -n 1 "$work/said")" ;; esac
	ms=$((($(ticks) - began) * 1000))
else
	fail "no way to ask $url: none of curl, python3, wget is on this host"
fi
say tool "$tool"
say status "$status"
say ms "$ms"
say bytes "$(tr -d ' \n' <"$work/bytes")"
[ "$certificate" = no ] || certificate_end
echo rawat:body=
head -c 65536 "$work/body"
