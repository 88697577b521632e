# Names that say who made them: machine and user, boot, process and its start. So what a killed attempt left behind can
# be told from what is in use.
start_of() {
	sed -e 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
}

maker=$({ cat /etc/machine-id 2>/dev/null || :; uname -n; id -u; } | sha256 | cut -c1-10)
boot=$(cut -c1-8 /proc/sys/kernel/random/boot_id 2>/dev/null || echo none)
mark=${maker}_${boot}_$$_$(start_of $$)

# Whether what carries this mark was made here, by this user, and by nobody who lives.
left_behind() {
	[ -r /proc/self/stat ] || return 1
	IFS=_ read -r its_maker its_boot its_process its_start <<-RAWAT_MARK
		$1
	RAWAT_MARK
	[ "$its_maker" = "$maker" ] || return 1
	case $its_boot,$its_process,$its_start in *[!0-9a-f,]* | *,, | *, | ,*) return 1 ;; esac
	[ "$its_boot" = "$boot" ] || return 0
	[ "$(start_of "$its_process")" != "$its_start" ]
}

# Folders in $1 whose names are $2 and a mark, left by attempts that were killed.
sweep() {
	for old in "$1/$2"*; do
		{ [ -d "$old" ] && [ ! -L "$old" ]; } || continue
		left_behind "${old#"$1/$2"}" || continue
		chmod -R u+rwX -- "$old" 2>/dev/null || :
		rm -rf -- "$old" 2>/dev/null || continue
		say swept "$old"
	done
}

# A private folder whose name is $2 and our mark.
marked_folder() {
	sweep "$1" "$2"
	mkdir -m 700 -- "$1/$2$mark" || fail "cannot make a folder in $1"
}

room_in() {
	df -Pk -- "$1" | awk 'NR == 2 { printf "%.0f", $4 * 1024 }'
}

# Bytes of a file, or of all in a folder.
size_of() {
	if [ -d "$1" ]; then
		du -sk -- "$1" | awk 'END { printf "%.0f", $1 * 1024 }'
	else
		wc -c <"$1" | tr -d ' '
	fi
}
