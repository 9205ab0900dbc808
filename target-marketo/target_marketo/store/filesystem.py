"""Whether a path lies on a disk of this host.

SQLite: "Write-Ahead Logging", 1: "All processes using a database must be on the same host computer;
WAL does not work over a network filesystem."
"""

from __future__ import annotations

from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")

NETWORK_FILESYSTEMS = frozenset(
    {
        "9p",  # also Windows drives seen from WSL 2
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "fuse.ceph",
        "fuse.glusterfs",
        "fuse.rclone",
        "fuse.s3fs",
        "fuse.sshfs",
        "gfs2",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "smb3",
        "smbfs",
    }
)


def network_filesystem(path: Path) -> str | None:
    """The type of the network file system that holds `path`; None on a local disk.

    Systems without Linux's mount table answer None: there the warning is the manual's.
    """
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return None
    kind = filesystem_type(path.resolve(), mounts)
    return kind if kind in NETWORK_FILESYSTEMS else None


def filesystem_type(path: Path, mountinfo: str) -> str | None:
    """The file system type of the innermost mount around `path` (proc(5), mountinfo)."""
    innermost: tuple[int, str] | None = None
    for line in mountinfo.splitlines():
        mount, separator, source = line.partition(" - ")
        fields = mount.split(" ")
        if not separator or len(fields) < 5:  # noqa: PLR2004 - proc(5): field 5 is the mount point
            continue
        point = Path(_unescape(fields[4]))
        depth = len(point.parts)
        # A later line of equal depth was mounted over the earlier one.
        if path.is_relative_to(point) and (innermost is None or depth >= innermost[0]):
            innermost = (depth, source.split(" ")[0])
    return innermost[1] if innermost else None


def _unescape(text: str) -> str:
    """Blanks in a mount point are written as three octal digits."""
    for written, meant in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\134", "\\")):
        text = text.replace(written, meant)
    return text
