#!/bin/sh
# First process of a lab host (pid 1 of its new namespaces): builds the host's view of the world and becomes systemd.
# Arguments: ROOT FOLDER CGROUP NAME BOOT_ID. FOLDER holds upper, work and merged. See host.py.
set -eu

if [ "$#" -eq 5 ]; then
    # Join the host's own cgroup first, so that the new cgroup namespace has it as its root.
    echo 0 >"$3/cgroup.procs"
    exec unshare --cgroup -- sh "$0" "$@" in-cgroup
fi

root=$1 folder=$2 name=$4 boot_id=$5 new=$2/merged

hostname "$name"
# volatile: no fsync for a throw-away host; the mark it leaves would refuse the next boot.
rm -rf "$folder/work/work/incompat"
mount -t overlay overlay -o "lowerdir=$root,upperdir=$folder/upper,workdir=$folder/work,volatile" "$new"

mount -t proc -o nosuid,nodev,noexec proc "$new/proc"
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs "$new/sys"
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$new/sys/fs/cgroup"
mount -t tmpfs -o mode=755,nosuid tmpfs "$new/dev"
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$new/run"
mkdir "$new/dev/pts" "$new/dev/shm" "$new/run/old" "$new/run/bed"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5,nosuid,noexec devpts "$new/dev/pts"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$new/dev/shm"
mknod -m 666 "$new/dev/null" c 1 3
mknod -m 666 "$new/dev/zero" c 1 5
mknod -m 666 "$new/dev/full" c 1 7
mknod -m 666 "$new/dev/random" c 1 8
mknod -m 666 "$new/dev/urandom" c 1 9
mknod -m 666 "$new/dev/tty" c 5 0
ln -s pts/ptmx "$new/dev/ptmx"
ln -s /proc/self/fd "$new/dev/fd"
ln -s /proc/self/fd/0 "$new/dev/stdin"
ln -s /proc/self/fd/1 "$new/dev/stdout"
ln -s /proc/self/fd/2 "$new/dev/stderr"
ln -s null "$new/dev/console"

# The kernel's settings are the real machine's: a host may read but not change them. Its boot id is its own.
echo "$boot_id" >"$new/run/bed/boot_id"
mount --bind "$new/proc/sys" "$new/proc/sys"
mount -o remount,bind,ro "$new/proc/sys"
if [ -e "$new/proc/sysrq-trigger" ]; then
    mount --bind /dev/null "$new/proc/sysrq-trigger"
fi
mount --bind "$new/run/bed/boot_id" "$new/proc/sys/kernel/random/boot_id"

cd "$new"
pivot_root . run/old
umount -l /run/old
rmdir /run/old
# Neither the clock nor the modules of the real machine are a host's to change.
exec setpriv --bounding-set=-sys_time,-sys_module env -i container=rawat-bed PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
