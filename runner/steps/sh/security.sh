[ "$ports" = no ] || listening

# One line per failed login since $1 (Unix time).
failed_logins() {
	if has journalctl && [ -n "$(journalctl -q -n 1 -o cat --system 2>/dev/null)" ]; then
		journalctl -q --no-pager -o cat --since "@$1" -t sshd -t sshd-session -t login -t su -t sudo 2>/dev/null |
			grep -E 'Failed (password|publickey|keyboard)|Invalid user|[Aa]uthentication failure|FAILED LOGIN|maximum authentication attempts' || :
	elif [ -r /var/log/btmp ] && has lastb && has python3; then
		lastb -w --time-format iso 2>/dev/null | python3 -c '
import datetime, re, sys
for line in sys.stdin:
    when = re.search(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:?\d\d", line)
    if when and datetime.datetime.fromisoformat(when[0]).timestamp() >= float(sys.argv[1]):
        print(line.rstrip())' "$1"
	else
		fail "$(id -un) may read neither the journal nor the list of failed logins on this host: say become: root"
	fi
}

if [ -n "$within" ]; then
	found=$(failed_logins "$(($(date +%s) - within))") || exit 1
	say logins "$(printf '%s' "$found" | grep -c . || :)"
	say last "$(printf '%s' "$found" | tail -n 3)"
fi
