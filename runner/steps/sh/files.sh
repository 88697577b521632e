has tar || fail "tar is not on this host"
case $format in
tar.gz) pack=-z ;;
tar.zst)
	has zstd || fail "zstd is not on this host: choose the format tar.gz"
	pack=--zstd
	;;
tar) pack= ;;
*) fail "$format is no format for files" ;;
esac

# GNU tar keeps ACLs, extended attributes, and with these capabilities and labels of SELinux; others do not.
more=
case $(tar --version 2>/dev/null) in *GNU*) more="--acls --xattrs --xattrs-include=*" ;; esac

# Whether what tar keeps and does not compare can be seen here ($1: `attributes`, `capabilities` or `acls`).
can_see() {
	case $more,$1 in
	,*) return 1 ;;
	*,attributes) has getfattr ;;
	*,capabilities) has getfattr && [ "$(id -u)" = 0 ] ;;
	*,acls) has getfacl ;;
	esac
}

# A digest of it, for the files of the archive $2 as they are in the folder $3. Names with a line break are passed over, and
# so are links, which have no ACL of their own.
seen() {
	tar -t --quoting-style=literal $pack -f "$2" >"$pipes/names" || fail "the archive $2 cannot be read to its end"
	(
		cd -- "$3" || exit 1
		case $1 in
		attributes) tr '\n' '\000' <"$pipes/names" | xargs -0 getfattr -h -d -m '^user\.' -e hex -- ;;
		capabilities) tr '\n' '\000' <"$pipes/names" | xargs -0 getfattr -h -n security.capability -e hex -- ;;
		acls) while IFS= read -r name; do [ -h "$name" ] || printf '%s\000' "$name"; done <"$pipes/names" | xargs -0 getfacl -s -- ;;
		esac 2>/dev/null | sed '/^# \(owner\|group\): /d'
	) | sha256
}
