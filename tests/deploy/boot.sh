#!/bin/sh
# The inside of `unshare`: makes a small root with this machine's /usr, and becomes systemd in it.
#   boot.sh ROOT ETC [BIND...]
# ROOT is an empty folder, ETC is laid into /etc. A BIND is FROM:TO, seen read-only.
set -e
root=$1 etc=$2
shift 2
mount --make-rprivate /
mount -t tmpfs -o mode=755 root "$root"
cd "$root"
mkdir -p usr etc/systemd/system etc/lpbf-monitor var/log/journal run proc sys dev/shm tmp root opt old
for folder in bin sbin lib lib64; do [ -e /usr/$folder ] && ln -s usr/$folder $folder; done
mount --rbind /usr usr
for bind in "$@"; do
  to=.${bind#*:}
  mkdir -p "$to"
  mount --rbind "${bind%%:*}" "$to"
  mount -o remount,bind,ro "$to"
done
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs cgroup sys/fs/cgroup
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 dev dev
for node in null zero full random urandom tty; do touch dev/$node; mount --bind /dev/$node dev/$node; done
mkdir dev/shm dev/pts
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
mount -t tmpfs -o mode=1777 shm dev/shm
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
echo 'root:x:0:0:root:/root:/bin/sh' > etc/passwd
echo 'root:x:0:' > etc/group
echo 0123456789abcdef0123456789abcdef > etc/machine-id
touch etc/os-release
cp -r "$etc"/. etc/
cat > etc/systemd/system/test.target <<UNIT
[Unit]
Wants=systemd-journald.service systemd-sysusers.service systemd-tmpfiles-setup.service
After=systemd-journald.service systemd-sysusers.service systemd-tmpfiles-setup.service
UNIT
pivot_root . old
umount -l old
exec env -i container=lpbf PATH=/usr/bin:/usr/sbin /lib/systemd/systemd --unit=test.target --show-status=no
