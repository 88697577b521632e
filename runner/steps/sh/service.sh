if [ -d /run/systemd/system ] && has systemctl; then
	how=systemd
elif has service || [ -x "/etc/init.d/$name" ]; then
	how=service
else
	fail "neither systemd nor service runs on this host"
fi

init() {
	if has service; then service "$name" "$@"; else "/etc/init.d/$name" "$@"; fi
}

# What the host says of the service now, under the key of a moment.
state_of() {
	if [ "$how" = systemd ]; then
		systemctl show -p LoadState -p ActiveState -p SubState -p UnitFileState -p MainPID -p NRestarts -p Type -p Result \
			-p RemainAfterExit -p InactiveEnterTimestampMonotonic -p TriggeredBy -- "$name" |
			sed -e "s/^\([A-Za-z]*\)=/rawat:$1_\1=/"
	else
		[ -x "/etc/init.d/$name" ] || fail "there is no service $name on this host"
		echo "rawat:$1_LoadState=loaded"
		if init status >/dev/null 2>&1; then echo "rawat:$1_ActiveState=active"; else echo "rawat:$1_ActiveState=inactive"; fi
		echo "rawat:$1_SubState="
		if ls /etc/rc[2-5].d/S[0-9][0-9]"$name" >/dev/null 2>&1; then echo "rawat:$1_UnitFileState=enabled"; else echo "rawat:$1_UnitFileState=disabled"; fi
	fi
}

active() {
	if [ "$how" = systemd ]; then
		systemctl show -p ActiveState -- "$name" | sed 's/^ActiveState=//'
	elif init status >/dev/null 2>&1; then
		echo active
	else
		echo inactive
	fi
}

do_() {
	if [ "$how" = systemd ]; then
		# Where the unit's file was changed, systemd would go on with the unit as it was before.
		[ "$(systemctl show -p NeedDaemonReload -- "$name")" != NeedDaemonReload=yes ] || systemctl daemon-reload >&2 ||
			fail "the unit of $name was changed on the disk, and systemctl daemon-reload ended badly"
		# What fell over too often lately systemd refuses to start, mended or not.
		case $1 in start | restart) systemctl reset-failed -- "$name" 2>/dev/null || : ;; esac
		systemctl "$1" -- "$name" >&2 || { words >&2; fail "systemctl $1 $name ended badly"; }
	else
		init "$1" >&2 || fail "service $name $1 ended badly"
	fi
}

# What systemd says of it, then its own last words of this time, for whoever must find out why.
since=$(date +%s)
words() {
	has journalctl || return 0
	journalctl -q -u "$name" -n 5 --no-pager -o cat 2>/dev/null || :
	own_words
}

own_words() {
	! has journalctl || journalctl -q -u "$name" --since "@$since" -n 100 --no-pager -o short 2>/dev/null | grep -v ' systemd\[1\]: ' |
		sed 's/^[A-Z][a-z]* *[0-9]* [0-9:]* [^ ]* //' | tail -n 5 || :
}

# How often systemd has started it again by itself.
again() {
	[ "$how" != systemd ] || systemctl show -p NRestarts -- "$name"
}

property() {
	systemctl show -p "$1" -- "$name" | sed "s/^$1=//"
}

oneshot() {
	[ "$how" = systemd ] && [ "$(property Type)" = oneshot ]
}

# A job that ends: `systemctl start` has waited for its end, and ends well only if it did. But it ends well, too, where systemd left
# it out since a condition of the unit is not met. A unit that nothing refers to is forgotten as soon as it is over; then the
# journal, where it may be read, knows whether it was begun (7d49...: "starting").
ended() {
	now=$(active)
	case $now in
	failed) words >&2; fail "$name: expected it to run to its end, found it failed" ;;
	inactive) ;;
	*) return 0 ;;
	esac
	told=
	if [ "$(property ConditionTimestampMonotonic)" = 0 ]; then
		[ "$was" != activating ] || return 0
		id=$(property Id)
		for last in no yes; do
			told=$(journalctl -q -o cat --no-pager --since "@$since" UNIT="$id" 2>/dev/null) || return 0
			[ -z "$(journalctl -q -o cat --no-pager --since "@$since" UNIT="$id" MESSAGE_ID=7d4958e842da4a758f6c1cdc7b36dcc5)" ] || return 0
			[ "$last" = yes ] || sleep 1
		done
		[ -n "$told" ] || return 0
	elif [ "$(property ConditionResult)" = yes ]; then
		return 0
	fi
	words >&2
	fail "$name: systemd left it out, since a condition of the unit is not met${told:+; $(echo "$told" | tail -n 1)}"
}

# Waits until it is so, and looks once more a second later: what falls over at once was never up.
settle() {
	began=$(ticks)
	while now=$(active); [ "$now" != "$1" ]; do
		case $now in failed) [ "$1" = inactive ] && return 0 || break ;; esac
		[ "$(($(ticks) - began))" -lt "$timeout" ] || break
		sleep 1
	done
	if [ "$1" = active ] && [ "$now" = active ]; then
		restarts=$(again)
		sleep 1
		now=$(active)
		[ "$(again)" = "$restarts" ] || now="one that fell over and was started again"
	fi
	[ "$now" = "$1" ] && return
	took=$(($(ticks) - began))
	words >&2
	own=$(own_words | tail -n 1)
	fail "$name: expected $1, found $now after $took s${own:+; $own}"
}

up() {
	if oneshot; then ended; else settle active; fi
}

if [ "$apply" = yes ]; then
	[ "$how" != systemd ] || [ "$(systemctl show -p LoadState -- "$name")" != LoadState=not-found ] ||
		fail "there is no service $name on this host"
	state_of before
	was=$(active)
	# Enabled first: a host that goes down meanwhile comes up as wanted.
	case $enabled in
	yes | no)
		verb=enable
		[ "$enabled" = yes ] || verb=disable
		if [ "$how" = systemd ]; then
			systemctl "$verb" -- "$name" >&2 || fail "systemctl $verb $name ended badly"
		elif has update-rc.d; then
			update-rc.d "$name" "$verb" >&2 || fail "update-rc.d $name $verb ended badly"
		elif has chkconfig; then
			chkconfig "$name" "$([ "$enabled" = yes ] && echo on || echo off)" >&2 || fail "chkconfig $name ended badly"
		else
			fail "no way to enable or disable $name on this host"
		fi
		;;
	esac
	case $state in
	started) [ "$was" = active ] || do_ start; up ;;
	stopped) do_ stop; settle inactive ;;
	restarted) do_ restart; up ;;
	reloaded) do_ reload; settle active ;;
	esac
fi
state_of after
