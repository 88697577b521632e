[ -r /proc/loadavg ] && [ -r /proc/meminfo ] || fail "/proc does not say how busy this host is"
read -r one five fifteen _ </proc/loadavg
say load1 "$one"
say load5 "$five"
say load15 "$fifteen"
say cpus "$(grep -c '^processor' /proc/cpuinfo || :)"
awk '$1 ~ /^(MemTotal|MemFree|MemAvailable|Buffers|Cached|SwapTotal|SwapFree):$/ { sub(/:/, "", $1); print "rawat:" $1 "=" $2 }' /proc/meminfo
