# Whether a TCP port takes connections; 3 s at most.
open_port() {
	if has python3; then
		python3 -c 'import socket,sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 3).close()' "$1" "$2" 2>/dev/null
	elif has nc; then
		nc -z -w 3 "$1" "$2" >/dev/null 2>&1
	elif has bash && has timeout; then
		timeout 3 bash -c 'exec 3<>"/dev/tcp/$1/$2"' - "$1" "$2" 2>/dev/null
	else
		fail "no way to try a port: none of python3, nc, bash with timeout is on this host"
	fi
}

# The status of a page; empty where nothing answers.
http_status() {
	if has curl; then
		curl -gs -o /dev/null -w '%{http_code}' --max-time 5 -- "$1" | sed 's/^000$//' || :
	elif has python3; then
		python3 -c '
import sys, urllib.request, urllib.error
class Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *a): return None
try:
    print(urllib.request.build_opener(Stay).open(sys.argv[1], timeout=5).status)
except urllib.error.HTTPError as error:
    print(error.code)
except OSError:
    pass' "$1"
	elif has wget; then
		wget -S -t 1 -T 5 -O /dev/null -- "$1" 2>&1 | sed -n 's/^ *HTTP\/[0-9.]* \([0-9][0-9][0-9]\).*/\1/p' | head -n 1 || :
	fi
}

# One look: whether it is so now; what was seen goes into `seen`.
so() {
	case $what in
	port)
		if open_port "$host" "$port"; then seen=open; else seen=closed; fi
		[ "$seen" = "$state" ]
		;;
	file)
		if [ -e "$file" ] || [ -L "$file" ]; then seen=present; else seen=absent; fi
		[ "$seen" = "$state" ]
		;;
	http)
		seen=$(http_status "$http")
		[ "$seen" = "$status" ]
		;;
	esac
}

if [ "$what" = http ]; then has curl || has python3 || has wget || fail "cannot ask $http: none of curl, python3, wget is here"; fi
began=$(ticks)
looks=0
while :; do
	looks=$((looks + 1))
	found=no
	! so || found=yes
	passed=$(($(ticks) - began))
	[ "$found" = no ] && [ "$passed" -lt "$timeout" ] || break
	sleep "$every"
done
say looks "$looks"
say seen "${seen:-no answer}"
say seconds "$passed"
[ "$found" = yes ] || fail "expected $expected, found ${seen:-no answer} after $passed s ($looks looks)"
