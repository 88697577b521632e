[ "$ports" = no ] || listening

# sshd says up to three lines of one failed login: its own of the password counts, that of PAM does not, and that the user
# is unknown counts where no password was tried from that port.
once() {
	awk '/pam_[a-z0-9_]*\(sshd:auth\): authentication failure/ { next }
		{ line[NR] = $0; from = $0; sub(/^.* from /, "", from); sub(/ ssh2.*$/, "", from); place[NR] = from }
		/^Failed .* for invalid user / { tried[from] = 1 }
		END { for (i = 1; i <= NR; i++) if (i in line && !(line[i] ~ /^Invalid user / && place[i] in tried)) print line[i] }'
}

# One line per failed login since $1 (Unix time).
failed_logins() {
	if has journalctl && [ -n "$(journalctl -q -n 1 -o cat --system 2>/dev/null)" ]; then
		journalctl -q --no-pager -o cat --since "@$1" -t sshd -t sshd-session -t login -t su -t sudo 2>/dev/null |
			grep -aE 'Failed (password|publickey|keyboard)|Invalid user|[Aa]uthentication failure|FAILED LOGIN|maximum authentication attempts' |
			once || :
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
