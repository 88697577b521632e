# When the certificate of $server ends, as its text has it. That it is trusted is seen by the request itself.
certificate_end() {
	say now "$(date +%s)"
	if has openssl; then
		case $server in *:*) place="[$server]" ;; *) place=$server ;; esac
		found=$(openssl s_client -connect "$place:$port" -servername "$server" </dev/null 2>/dev/null |
			openssl x509 -noout -enddate 2>/dev/null) || fail "openssl cannot read the certificate of $server:$port"
		say certificate "${found#notAfter=}"
	elif has python3; then
		found=$(python3 -c '
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[3] or None)
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 15) as plain:
    with context.wrap_socket(plain, server_hostname=sys.argv[1]) as safe:
        print(safe.getpeercert()["notAfter"])' "$server" "$port" "$ca") || fail "python3 cannot read the certificate of $server:$port"
		say certificate "$found"
	else
		fail "no way to read a certificate: neither openssl nor python3 is on this host"
	fi
}
