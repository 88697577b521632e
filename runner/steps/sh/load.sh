# How many processors this host may use, where it is a container with a limit: what stands at the top of the cgroups that it sees. A
# limit further down is one of a session or a service, and none of the host's.
cpu_limit() {
	quota=max period=1
	if [ -r /sys/fs/cgroup/cpu.max ]; then
		read -r quota period </sys/fs/cgroup/cpu.max
	elif [ -r /sys/fs/cgroup/cpu/cpu.cfs_quota_us ] && [ -r /sys/fs/cgroup/cpu/cpu.cfs_period_us ]; then
		read -r quota </sys/fs/cgroup/cpu/cpu.cfs_quota_us
		read -r period </sys/fs/cgroup/cpu/cpu.cfs_period_us
	fi
	case $quota in
	max | -*) ;;
	*) echo "$quota $period" | awk '$2 > 0 { printf "%.2f", $1 / $2 }' ;;
	esac
}

[ -r /proc/loadavg ] && [ -r /proc/meminfo ] || fail "/proc does not say how busy this host is"
read -r one five fifteen _ </proc/loadavg
say load1 "$one"
say load5 "$five"
say load15 "$fifteen"
say cpus "$(grep -c '^processor' /proc/cpuinfo || :)"
awk '$1 ~ /^(MemTotal|MemFree|MemAvailable|Buffers|Cached|SwapTotal|SwapFree):$/ { sub(/:/, "", $1); print "rawat:" $1 "=" $2 }' /proc/meminfo
say cpu_limit "$(cpu_limit)"
# The kernel tells the load of the whole machine, in a container too, unless something (lxcfs) stands in for it.
if grep -q ' /proc/loadavg ' /proc/mounts 2>/dev/null; then say own_load yes; else say own_load no; fi
