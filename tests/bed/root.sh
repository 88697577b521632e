# Runs with sh -eu inside the new root: turns a plain Debian into a host of the lab.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

# Accounts: maint (sudo), maintpw (sudo with a password), nosudo.
echo "$BED_ACCOUNTS" | while read -r name uid; do
    groupadd --gid "$uid" "$name"
    useradd --uid "$uid" --gid "$uid" --create-home --shell /bin/bash "$name"
    chmod 700 "/home/$name" # as adduser makes them: whom we become by sudo may not be there
    install -d -m 700 -o "$uid" -g "$uid" "/home/$name/.ssh"
done
echo "maintpw:$BED_SUDO_PASSWORD" | chpasswd
echo 'maint ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/bed
echo 'maintpw ALL=(ALL:ALL) ALL' >>/etc/sudoers.d/bed
chmod 440 /etc/sudoers.d/bed

# Every host gets its own identity at start.
rm -f /etc/ssh/ssh_host_* /etc/machine-id /var/lib/dbus/machine-id /etc/hostname
cat >/etc/ssh/sshd_config.d/bed.conf <<'CONF'
HostKey /etc/ssh/ssh_host_ed25519_key
UseDNS no
MaxStartups 100
CONF
rm -f /usr/sbin/policy-rc.d

# No outside network: the lab's repositories are the only sources.
rm -rf /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/* /var/cache/apt/archives/*.deb
cat >/etc/apt/sources.list.d/bed.sources <<'CONF'
Types: deb
URIs: http://10.77.0.1:8000/deb
Suites: ./
Trusted: yes
CONF
mkdir -p /etc/yum.repos.d /etc/dnf/vars /etc/zypp/repos.d /etc/rpm
# One database for rpm, dnf and zypper, as on RPM systems; Debian's rpm keeps one in each home.
echo '%_dbpath /var/lib/rpm' >/etc/rpm/macros
echo 1 >/etc/dnf/vars/releasever
cat >/etc/yum.repos.d/bed.repo <<'CONF'
[bed]
name=bed
baseurl=http://10.77.0.1:8000/rpm
enabled=1
gpgcheck=0
metadata_expire=0
CONF
sed '/metadata_expire/d' /etc/yum.repos.d/bed.repo >/etc/zypp/repos.d/bed.repo

# A host boots with sshd and the journal; databases are started where a test asks for them.
mkdir -p /var/log/journal
systemctl --quiet mask console-getty.service getty@.service getty.target systemd-udevd.service \
    systemd-networkd-wait-online.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
    e2scrub_all.timer e2scrub_reap.service fstrim.timer systemd-firstboot.service systemd-pstore.service \
    systemd-journald-audit.socket systemd-modules-load.service systemd-sysctl.service modprobe@.service \
    sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount proc-sys-fs-binfmt_misc.automount
systemctl --quiet disable postgresql.service mariadb.service dnf-makecache.timer dnf-system-upgrade.service 2>/dev/null || true
systemctl --quiet enable ssh.service
