for what in $asked; do
	case $what in
	services) running_services ;;
	failed_units) failed_units ;;
	ports) listening ;;
	packages)
		if [ "$family" = rpm ]; then
			rpm -qa --qf '%{NAME}\t%{VERSION}-%{RELEASE}\n'
		else
			dpkg-query -W -f '${db:Status-Status}\t${binary:Package}\t${Version}\n' | sed -n 's/^installed\t//p'
		fi | sort -u | sed 's/^/rawat:package=/'
		;;
	mounts) awk '$1 ~ /^\// { print "rawat:mount=" $2 }' /proc/mounts | sort -u ;;
	esac
done
