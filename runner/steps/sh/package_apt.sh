state_of() {
	for name in $names; do
		found=$(packages "$name" | head -n 1)
		candidate=
		[ "$state" != latest ] || candidate=$(apt-cache policy -- "$name" | sed -n 's/^  Candidate: //p')
		hold=no
		case $(printf '%s' "$found" | cut -f2) in hold) hold=yes ;; esac
		printf 'rawat:%s=%s\t%s\t%s\t%s\t%s\n' "$1" "$name" "$(printf '%s' "$found" | cut -f3)" \
			"$(printf '%s' "$found" | cut -f4)" "$candidate" "$hold"
	done
}

# apt takes a name that it does not know for a pattern: every name must be one that it knows.
known() {
	for name in $names; do
		apt-cache show --no-all-versions -- "$name" >/dev/null 2>&1 || fail "there is no package $name in the lists of this host"
	done
}

put() {
	case $state in
	present | latest)
		known
		words=
		for name in $names; do
			if [ -n "$version" ]; then
				words="$words $name=$version"
			elif [ "$state" = latest ] || [ "$(packages "$name" | head -n 1 | cut -f3)" != installed ]; then
				words="$words $name"
			fi
		done
		[ -z "$words" ] || apt install ${version:+--allow-downgrades} --no-install-recommends -- $words >&2 || fail "apt-get install ended with $?"
		;;
	absent)
		plan=$(apt-get -s -q remove -- $names) || fail "apt-get cannot remove these: $names"
		others=$(printf '%s\n' "$plan" | awk -v asked=" $(printf '%s\n' $names | plain | tr '\n' ' ')" '
			/^(Remv|Purg) / { name = $2; if (!index(asked, " " name " ")) printf " %s", name }')
		[ -z "$others" ] || fail "these would be removed too, and nobody asked for it:$others"
		apt -o APT::Get::Remove=true remove -- $names >&2 || fail "apt-get remove ended with $?"
		;;
	held) apt-mark hold -- $names >&2 || fail "apt-mark hold ended with $?" ;;
	unheld) apt-mark unhold -- $names >&2 || fail "apt-mark unhold ended with $?" ;;
	esac
}
