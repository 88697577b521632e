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
